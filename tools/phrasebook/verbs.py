"""The verbs and their frames, as tables.

A verb's line has English, French, German and Spanish. What follows the infinitive is what the verb
governs: English and French prepositions or particles, in German a case (``D``) or a preposition with its
case (``auf+A``), in Spanish a preposition. A slash marks a German separable prefix. Accusatives and
direct objects go without saying.
"""

# ruff: noqa: E501 (tables)
from __future__ import annotations

ALL = """
eat | eat | manger | essen | comer
drink | drink | boire | trinken | beber
prepare | prepare | préparer | zu/bereiten | preparar
cut | cut | couper | schneiden | cortar
read | read | lire | lesen | leer
write | write | écrire | schreiben | escribir
buy | buy | acheter | kaufen | comprar
sell | sell | vendre | verkaufen | vender
see | see | voir | sehen | ver
find | find | trouver | finden | encontrar
seek | look for | chercher | suchen | buscar
lose | lose | perdre | verlieren | perder
forget | forget | oublier | vergessen | olvidar
open | open | ouvrir | auf/machen | abrir
close | close | fermer | zu/machen | cerrar
bring | bring | apporter | mit/bringen | traer
take | take | prendre | nehmen | tomar
give | give | donner | geben | dar
show | show | montrer | zeigen | mostrar
send | send | envoyer | schicken | enviar
lend | lend | prêter | leihen | prestar
tell | tell | raconter | erzählen | contar
explain | explain | expliquer | erklären | explicar
wash | wash | laver | waschen | lavar
clean | clean | nettoyer | putzen | limpiar
repair | repair | réparer | reparieren | reparar
build | build | construire | bauen | construir
draw | draw | dessiner | zeichnen | dibujar
visit | visit | visiter | besuchen | visitar
help | help | aider | helfen D | ayudar
call | call | appeler | an/rufen | llamar
invite | invite | inviter | ein/laden | invitar
know | know | connaître | kennen | conocer
understand | understand | comprendre | verstehen | entender
learn | learn | apprendre | lernen | aprender
sing | sing | chanter | singen | cantar
play | play with | jouer avec | spielen mit+D | jugar con
talk | talk with | parler avec | sprechen mit+D | hablar con
wait | wait for | attendre | warten auf+A | esperar
listen | listen to | écouter | zu/hören D | escuchar
watch | watch | regarder | an/schauen | mirar
sleep | sleep | dormir | schlafen | dormir
work | work | travailler | arbeiten | trabajar
run | run | courir | laufen | correr
swim | swim | nager | schwimmen | nadar
dance | dance | danser | tanzen | bailar
laugh | laugh | rire | lachen | reír
cry | cry | pleurer | weinen | llorar
travel | travel | voyager | reisen | viajar
live | live | habiter | wohnen | vivir
arrive | arrive | arriver | an/kommen | llegar
leave | leave | partir | ab/fahren | salir
return | return | revenir | zurück/kommen | volver
go | go | aller | gehen | ir
stay | stay | rester | bleiben | quedarse
rise | get up | se lever | auf/stehen | levantarse
wake | wake up | se réveiller | auf/wachen | despertarse
begin | begin | commencer | beginnen | empezar
need | need | avoir besoin de | brauchen | necesitar
have | have | avoir | haben | tener
want | want | vouloir | wollen | querer
use | use | utiliser | benutzen | usar
rent | rent | louer | mieten | alquilar
order | order | commander | bestellen | pedir
choose | choose | choisir | aus/wählen | elegir
translate | translate | traduire | übersetzen | traducir
feed | feed | nourrir | füttern | alimentar
photograph | photograph | photographier | fotografieren | fotografiar
switch on | turn on | allumer | ein/schalten | encender
switch off | turn off | éteindre | aus/schalten | apagar
drive | drive | conduire | fahren | conducir
say | say | dire | sagen | decir
think | think | penser | denken | pensar
believe | believe | croire | glauben | creer
know-that | know | savoir | wissen | saber
like | like | aimer | mögen | gustar
can | can | pouvoir | können | poder
must | must | devoir | müssen | deber
be | be | être | sein | ser
"""

# verb | subject | object | how the object is determined | where | manner | flags
#
# Object determination: d the, t this, o possessive, i a (singular), p bare plural, n few, k many (large
# numerals), m bare mass noun; of people c a name or a definite person, x a pronoun of the first or second
# person, y also of the third (only where French does not elide it, which would hide its gender).
# Where: nouns of places; ``>`` makes it a goal, ``@city`` is any city.
# Flags: H may be habitual, O always is; S is a state; P is only said of the past; T happens at a clock
# time; Z needs its place; L lasting: the object is still there afterwards, so a relative clause may speak
# of it; C creates its object; R needs a recipient, r may take one; F may be done for somebody; W with
# somebody; G may be liked; Q lets one ask "what"; M follows a modal; N is seasonal ("last summer");
# U speaks of one thing only; J makes its subject sad, E happy, A tired.
FRAMES = """
eat | person | food | d i p n m | kitchen garden restaurant park | slowly quickly | H G W Q M
eat | farm-animal | vegetable,apple,pear | d i p | | slowly quickly | H
drink | person | drink | d m | kitchen garden restaurant office | slowly quickly | H G Q M
drink | pet,farm-animal | water,milk | d m | | quickly slowly | H
prepare | adult,young,sibling | dish,coffee,tea | d i m | kitchen | | H G F L Q M C
cut | adult,sibling | sliced,vegetable,pastry,apple | d | kitchen | slowly quickly | M
read | person | text,document | d i p t o | garden library park train kitchen | slowly | H G L Q M
write | person | text | d i p | library office kitchen | slowly quickly | H G C L Q M
buy | person | food,tableware,clothing,document,luggage,device,flower | d i p n k m t | market | | L F E Q M
buy | adult,sibling | vehicle,home,instrument,furniture,image,farm-animal,pet | d i t n | | | L E Q M N
buy | person | food | p m | market | | H F
sell | adult,sibling | vehicle,image,instrument,farm-animal,home | d i o n k t | | | J Q M N
sell | farmer,baker,woman,man | food,flower | d p m | market | | H M
see | person | building,vehicle,animal | d i p n k t | | | L S Q
see | person | person | c x y | park station theater beach bakery airport | | L S
find | person | thing,document,clothing,image | d i o | kitchen garden park office beach | | P L E Q
seek | person | thing,document,clothing,pet | d o | kitchen garden office room | | Q M H
seek | person | person | c x y | park station hotel museum airport | | M
lose | person | small-thing,clothing,luggage,volume | d o | park museum theater school station cinema | | P J Q
forget | person | small-thing,clothing,luggage,volume,mail | d o | restaurant hotel office school airport | | P J Q
forget | person | small-thing,luggage,word | d o | | | O
open | person | opening,lidded,mail,gift | d t | | slowly quickly | M Q
close | person | opening,lidded,volume | d t | | slowly quickly | M
bring | person | food,drink,tableware,gift,document | d i n m o | | | r Q M
take | person | transit | d t | | | H M U
give | person | thing,flower,document,clothing | d i o n | | | R M
show | person | image,document,building,toy,clothing | d i o t | | | R M
send | person | mail,photo,gift | d i o n | | | R M
lend | person | volume,vehicle,luggage,small-thing,instrument | d i o t | | | R M
tell | person | tale | d i t | | slowly | R H M
explain | adult,worker,sibling | puzzle | d i t | | well slowly | r M
wash | person | clothing,tableware,vehicle,fruit | d o t | kitchen garden | | H L M
clean | person | room,opening,furniture,shoe | d t | | slowly quickly | H L M
repair | adult,sibling | vehicle,device,gadget,furniture | d o t | | | L E Q M
build | adult,sibling | home,boat,bridge,school,hotel,theater | d i | | | C L Q N U
draw | person | animal,flower,building,vehicle | d i p n | garden park school | well | H C G L Q M
visit | person | sight | d i t | | | H L G M N
help | person | person | c x | kitchen garden office | | H L M
call | person | person | c x | | | H M
invite | person | person | c x | | | L M N
know | person | person | c y x | | | S
know | person | sight,song,restaurant,hotel | d t | | | S
understand | person | puzzle,text,joke | d t | | well | S Q M
understand | person | person | c x y | | | S
learn | person | word,poem,song | d t n | school | quickly slowly | M
sing | person | song | d i t | garden church theater | well slowly | H G W M
sing | person,bird | | | garden church forest | well | H G W M
play | young,sibling | pet,toy | d o | garden park kitchen room beach | | H G
play | young,sibling | young,sibling,friend | c x y | garden park beach | | H M
talk | person | person | c x y | garden park office kitchen restaurant | | H M
wait | person | person | c x | station park hotel restaurant airport | | M
wait | person | transit | d t | station | | M U
listen | person | adult | c x | | | H M
watch | person | film,bird,image | d i t | | | L G Q M
sleep | person,pet | | | garden room hotel train | well | H M
work | adult,worker,sibling | | | garden library restaurant hospital office market school bakery @city | well slowly quickly | H A M W
run | person,pet,horse | | | park beach forest garden | quickly slowly | H A G W M
swim | person,swimmer | | | lake | well slowly quickly | H A G W M
dance | person | | | park theater restaurant kitchen | well slowly | H A G W M
laugh | person | | | school cinema theater | | H
cry | young,adult,sibling | | | school garden room station | | H
live | person | | | @city | | S Z
live | person | | | village castle house | | S Z
arrive | transit | | | station | early late | T
arrive | person | | | station airport hotel @city | early late | T
leave | transit,boat | | | | early late | T
return | person | | | | early late | T H
stay | person | | | hotel room garden library @city | | M Z
rise | person | | | | early late | T H M
wake | person,pet | | | | early late | T H
begin | event | | | | | T
need | person | thing,clothing,vehicle | d i o n | | | S Q
have | person | pet,farm-animal,vehicle,clothing,device,home,instrument,luggage,toy | i n | | | S Q
have | farmer | farm-animal | i n k | | | S Q
want | person | clothing,vehicle,device,toy,instrument,pet,luggage | i n | | | S Q
want | person | food,drink | i m | | | S Q
use | person | device,cutlery,dictionary,pencil,umbrella,bicycle | d o t | | | H Q M U
rent | adult,sibling | vehicle,home,room | d i | @city | | L M N
order | person | food,drink | i m n | restaurant hotel | | G Q
choose | person | clothing,document,gift,pastry,toy | d i t | | | L F Q M
translate | person | text | d t | | well quickly slowly | L M
feed | person | animal | d o t | garden | | H L M
photograph | person | animal,sight,flower,structure | d i t | | | L G M N
switch on | person | device | d o | | | M U
switch off | person | device | d o | | | M U
drive | adult,sibling | driven | d o t | | slowly quickly | M U
go | person | | | >school >hospital >station >park >garden >kitchen >restaurant >museum >library >church >market >cinema >beach >office >theater >bakery >airport >forest >village >castle | | H M W Z
travel | person | | | >@city | | H M W N Z A
"""
