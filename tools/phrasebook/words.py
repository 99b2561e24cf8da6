"""Names, numerals, adverbs and calendar words, as tables: English, French, German, Spanish."""

from __future__ import annotations

WOMEN = ("Anna", "Laura", "Julia", "Clara", "Emma", "Eva", "Nina", "Sara")
MEN = ("Paul", "Peter", "Martin", "David", "Simon", "Oscar", "Daniel", "Robert")

CITIES = """
London | Londres | London | Londres
Vienna | Vienne | Wien | Viena
Geneva | Genève | Genf | Ginebra
Lisbon | Lisbonne | Lissabon | Lisboa
Moscow | Moscou | Moskau | Moscú
Rome | Rome | Rom | Roma
Venice | Venise | Venedig | Venecia
Athens | Athènes | Athen | Atenas
Warsaw | Varsovie | Warschau | Varsovia
Brussels | Bruxelles | Brüssel | Bruselas
"""

NUMERALS = """
2 | two | deux | zwei | dos
3 | three | trois | drei | tres
4 | four | quatre | vier | cuatro
5 | five | cinq | fünf | cinco
6 | six | six | sechs | seis
7 | seven | sept | sieben | siete
8 | eight | huit | acht | ocho
9 | nine | neuf | neun | nueve
10 | ten | dix | zehn | diez
11 | eleven | onze | elf | once
12 | twelve | douze | zwölf | doce
15 | fifteen | quinze | fünfzehn | quince
20 | twenty | vingt | zwanzig | veinte
23 | twenty-three | vingt-trois | dreiundzwanzig | veintitrés
34 | thirty-four | trente-quatre | vierunddreißig | treinta y cuatro
45 | forty-five | quarante-cinq | fünfundvierzig | cuarenta y cinco
56 | fifty-six | cinquante-six | sechsundfünfzig | cincuenta y seis
"""

ADVERBS = """
yesterday | hier | gestern | ayer | past
tomorrow | demain | morgen | mañana | future
soon | bientôt | bald | pronto | future
today | aujourd'hui | heute | hoy | present past
now | maintenant | jetzt | ahora | present
always | toujours | immer | siempre | frequency
often | souvent | oft | a menudo | frequency
sometimes | parfois | manchmal | a veces | frequency
rarely | rarement | selten | raramente | frequency
never | jamais | nie | nunca | negation
slowly | lentement | langsam | lentamente | manner
quickly | rapidement | schnell | rápidamente | manner
well | bien | gut | bien | manner
early | tôt | früh | temprano | manner
late | tard | spät | tarde | manner
very | très | sehr | muy | degree
too | trop | zu | demasiado | degree
"""

WEEKDAYS = """
Monday | lundi | Montag | lunes
Tuesday | mardi | Dienstag | martes
Wednesday | mercredi | Mittwoch | miércoles
Thursday | jeudi | Donnerstag | jueves
Friday | vendredi | Freitag | viernes
Saturday | samedi | Samstag | sábado
Sunday | dimanche | Sonntag | domingo
"""

PERIODS = """
day | jour m | Tag m | día m
week | semaine f | Woche f | semana f
month | mois m | Monat m | mes m
summer | été m | Sommer m | verano m
winter | hiver m | Winter m | invierno m
"""

PREPOSITIONS = """
with | avec | mit | con
without | sans | ohne | sin
for | pour | für | para
in | dans | in | en
on | sur | auf | sobre
under | sous | unter | debajo de
behind | derrière | hinter | detrás de
in front of | devant | vor | delante de
next to | à côté de | neben | al lado de
"""
