"""The adjectives, as a table: English, French, German, Spanish, what they may describe.

One line per adjective, columns separated by ``|``. English: word, and an irregular comparative.
French: masculine, and feminine where it is irregular; ``^`` puts it before the noun. German: word, and
the comparative where it is not just ``-er``. Spanish: masculine, then ``ser`` or ``estar`` as its copula.
The last column holds the semantic tags of the nouns it fits; ``!state`` marks a passing state, which is
said of somebody (predicatively) and not put before or after a noun.
"""

# ruff: noqa: E501 (tables)
from __future__ import annotations

ALL = """
big | ^grand | groß größer | grande ser | building vehicle big-animal pet container structure room furniture
small | ^petit | klein | pequeño ser | animal container building vehicle room clothing fruit opening furniture toy settlement
old | ^vieux vieille | alt älter | viejo ser | adult furniture building vehicle clothing volume instrument structure
new | ^nouveau nouvelle | neu | nuevo ser | vehicle clothing furniture device document luggage instrument song film toy
young | ^jeune | jung jünger | joven ser | worker pet
beautiful | ^beau belle | schön | hermoso ser | image building nature clothing song flower big-animal lyric gift
good | ^bon bonne better | gut besser | bueno ser mejor | text film song dish sliced alcohol hot-drink
bad | ^mauvais worse | schlecht | malo ser peor | film text alcohol
long | ^long longue | lang länger | largo ser | text film event long-thing structure dream
heavy | lourd | schwer | pesado ser | luggage furniture container volume
light | léger légère | leicht | ligero ser | luggage clothing seat toy
expensive | cher chère | teuer | caro ser | vehicle clothing device gadget instrument image alcohol
red | rouge | rot röter | rojo ser | clothing vehicle flower fruit luggage opening vessel
blue | bleu | blau | azul ser | clothing vehicle flower luggage opening vessel furniture
green | vert | grün | verde ser | fruit clothing vehicle luggage opening furniture vessel
yellow | jaune | gelb | amarillo ser | clothing vehicle flower luggage toy
black | noir | schwarz schwärzer | negro ser | clothing vehicle big-animal pet luggage
white | blanc blanche | weiß | blanco ser | clothing vehicle flower pet farm-animal tableware
happy | heureux | glücklich | feliz estar | person !state
sad | triste | traurig | triste estar | person !state
tired | fatigué | müde | cansado estar | person pet farm-animal !state
sick | malade | krank kränker | enfermo estar | person animal !state
rich | riche | reich | rico ser | worker adult
strong | fort | stark stärker | fuerte ser | worker big-animal adult
intelligent | intelligent | intelligent | inteligente ser | worker young close pet
nice | ^gentil gentille | nett | simpático ser | worker close young adult
famous | célèbre | berühmt | famoso ser | worker image sight lyric volume film
lazy | paresseux | faul | perezoso ser | worker young pet
polite | poli | höflich | educado ser | worker young close
curious | curieux | neugierig | curioso ser | young pet worker
funny | drôle | lustig | divertido ser | text film song tale
interesting | intéressant | interessant | interesante ser | tale text document film sight puzzle event
boring | ennuyeux | langweilig | aburrido ser | text film event
difficult | difficile | schwierig | difícil ser | puzzle
easy | facile | einfach | fácil ser | puzzle
important | important | wichtig | importante ser | mail event puzzle
modern | moderne | modern | moderno ser | building vehicle device furniture image
clean | propre | sauber | limpio estar | clothing tableware room opening vehicle vessel
dirty | sale | schmutzig | sucio estar | clothing tableware room opening vehicle vessel
cold | froid | kalt kälter | frío estar | cold-drink served
hot | chaud | heiß | caliente estar | hot-drink served
fresh | frais fraîche | frisch | fresco estar | fruit sliced vegetable
sweet | sucré | süß | dulce ser | fruit pastry sweets
delicious | délicieux | köstlich | delicioso estar | food
empty | vide | leer | vacío estar | vessel container
full | plein | voll | lleno estar | vessel container
broken | cassé | kaputt | roto estar | device gadget tableware toy furniture luggage
quiet | tranquille | ruhig | tranquilo ser | nature settlement street pet
dangerous | dangereux | gefährlich | peligroso ser | big-animal structure bicycle
fast | rapide | schnell | rápido ser | vehicle big-animal
slow | lent | langsam | lento ser | vehicle farm-animal
elegant | élégant | elegant | elegante ser | clothing furniture
comfortable | confortable | bequem | cómodo ser | seat vehicle
useful | utile | nützlich | útil ser | volume device cutlery gadget
"""

# Never compared: colours, states, and what a thing either is or is not.
INCOMPARABLE = frozenset(
    "black white red blue green yellow happy sad tired sick broken empty full fresh delicious hot cold".split()  # noqa: SIM905
)
