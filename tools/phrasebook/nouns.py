"""The nouns, as tables: English, French, German, Spanish and what each noun is.

One line per noun, columns separated by ``|``. English: singular, and the plural where it is irregular.
French and Spanish: word, gender, and an irregular plural. German: word, gender, plural, then a genitive
where it is not just ``-s`` or ``weak`` (an -n in every case but the nominative singular). The last
column holds the semantic tags that verb frames and adjectives select. ``single`` nouns have no plural,
``mass`` nouns neither plural nor indefinite article.
"""

from __future__ import annotations

PEOPLE = """
man men | homme m | Mann m Männer Mannes | hombre m | person adult
woman women | femme f | Frau f Frauen | mujer f | person adult
boy | garçon m | Junge m Jungen weak | chico m | person young
girl | fille f | Mädchen n Mädchen | chica f | person young unpronounced
child children | enfant m | Kind n Kinder Kindes | niño m | person young unpronounced
father | père m | Vater m Väter | padre m | person adult kin single
mother | mère f | Mutter f Mütter | madre f | person adult kin single
brother | frère m | Bruder m Brüder | hermano m | person kin sibling
sister | sœur f | Schwester f Schwestern | hermana f | person kin sibling
son | fils m | Sohn m Söhne Sohnes | hijo m | person kin sibling
grandfather | grand-père m | Großvater m Großväter | abuelo m | person adult kin single aged
grandmother | grand-mère f | Großmutter f Großmütter | abuela f | person adult kin single aged
uncle | oncle m | Onkel m Onkel | tío m | person adult kin
aunt | tante f | Tante f Tanten | tía f | person adult kin
friend | ami m | Freund m Freunde Freundes | amigo m | person close
neighbor | voisin m | Nachbar m Nachbarn weak | vecino m | person adult close
teacher | professeur m | Lehrer m Lehrer | profesor m | person adult worker
doctor | médecin m | Arzt m Ärzte Arztes | médico m | person adult worker
student | étudiant m | Student m Studenten weak | estudiante m | person worker
lawyer | avocat m | Anwalt m Anwälte | abogado m | person adult worker
nurse | infirmière f | Krankenschwester f Krankenschwestern | enfermera f | person adult worker
baker | boulanger m | Bäcker m Bäcker | panadero m | person adult worker
farmer | fermier m | Bauer m Bauern weak | granjero m | person adult worker
policeman policemen | policier m | Polizist m Polizisten weak | policía m | person adult worker
waiter | serveur m | Kellner m Kellner | camarero m | person adult worker
actress | actrice f | Schauspielerin f Schauspielerinnen | actriz f | person adult worker
tourist | touriste m | Tourist m Touristen weak | turista m | person adult worker
artist | artiste m | Künstler m Künstler | artista m | person adult worker
boss | chef m | Chef m Chefs | jefe m | person adult close single
colleague | collègue m | Kollege m Kollegen weak | colega m | person adult close
"""

ANIMALS = """
dog | chien m | Hund m Hunde | perro m | animal pet big-eater swimmer
cat | chat m | Katze f Katzen | gato m | animal pet
horse | cheval m | Pferd n Pferde | caballo m | animal farm-animal big-animal
cow | vache f | Kuh f Kühe | vaca f | animal farm-animal big-animal
bird | oiseau m | Vogel m Vögel | pájaro m | animal small-animal
rabbit | lapin m | Kaninchen n Kaninchen | conejo m | animal pet small-animal
mouse mice | souris f | Maus f Mäuse | ratón m | animal small-animal
sheep sheep | mouton m | Schaf n Schafe | oveja f | animal farm-animal
pig | cochon m | Schwein n Schweine | cerdo m | animal farm-animal big-animal
duck | canard m | Ente f Enten | pato m | animal small-animal swimmer
donkey | âne m | Esel m Esel | burro m | animal farm-animal big-animal
goat | chèvre f | Ziege f Ziegen | cabra f | animal farm-animal
"""

FOOD = """
apple | pomme f | Apfel m Äpfel | manzana f | food fruit
pear | poire f | Birne f Birnen | pera f | food fruit
banana | banane f | Banane f Bananen | plátano m | food fruit
cherry | cerise f | Kirsche f Kirschen | cereza f | food fruit tiny
strawberry | fraise f | Erdbeere f Erdbeeren | fresa f | food fruit tiny
tomato | tomate f | Tomate f Tomaten | tomate m | food vegetable
carrot | carotte f | Karotte f Karotten | zanahoria f | food vegetable
onion | oignon m | Zwiebel f Zwiebeln | cebolla f | vegetable
egg | œuf m | Ei n Eier | huevo m | food
cake | gâteau m | Kuchen m Kuchen | pastel m | food dish pastry
cookie | biscuit m | Keks m Kekse | galleta f | food pastry
bread | pain m | Brot n Brote | pan m | food mass sliced
cheese | fromage m | Käse m Käse | queso m | food mass sliced
meat | viande f | Fleisch n Fleische | carne f | food mass sliced
ham | jambon m | Schinken m Schinken | jamón m | food mass sliced
rice | riz m | Reis m Reise | arroz m | food mass dish served
soup | soupe f | Suppe f Suppen | sopa f | food mass dish served
chocolate | chocolat m | Schokolade f Schokoladen | chocolate m | food mass sweets
butter | beurre m | Butter f Butter | mantequilla f | food mass
honey | miel m | Honig m Honige | miel f | food mass sweets
water | eau f | Wasser n Wasser | agua f | drink mass cold-drink
milk | lait m | Milch f Milche | leche f | drink mass cold-drink
coffee | café m | Kaffee m Kaffees | café m | drink mass hot-drink
tea | thé m | Tee m Tees | té m | drink mass hot-drink
wine | vin m | Wein m Weine | vino m | drink mass alcohol
beer | bière f | Bier n Biere | cerveza f | drink mass alcohol cold-drink
juice | jus m | Saft m Säfte | zumo m | drink mass cold-drink
"""

THINGS = """
book | livre m | Buch n Bücher | libro m | document text volume
letter | lettre f | Brief m Briefe | carta f | document text mail
newspaper | journal m | Zeitung f Zeitungen | periódico m | document
message | message m | Nachricht f Nachrichten | mensaje m | text mail
story | histoire f | Geschichte f Geschichten | historia f | text tale
joke | blague f | Witz m Witze | chiste m | tale
dream | rêve m | Traum m Träume | sueño m | tale
poem | poème m | Gedicht n Gedichte | poema m | text lyric
novel | roman m | Roman m Romane | novela f | document text volume
dictionary | dictionnaire m | Wörterbuch n Wörterbücher | diccionario m | document volume
song | chanson f | Lied n Lieder | canción f | song lyric
film | film m | Film m Filme | película f | film event
photo | photo f | Foto n Fotos | foto f | image document
painting | tableau m | Gemälde n Gemälde | cuadro m | image
word | mot m | Wort n Wörter | palabra f | puzzle
question | question f | Frage f Fragen | pregunta f | puzzle
problem | problème m | Problem n Probleme | problema m | puzzle
exercise | exercice m | Übung f Übungen | ejercicio m | puzzle
party | fête f | Fest n Feste | fiesta f | event
meeting | réunion f | Sitzung f Sitzungen | reunión f | event session
key | clé f | Schlüssel m Schlüssel | llave f | thing small-thing
phone | téléphone m | Telefon n Telefone | teléfono m | thing device small-thing
cup | tasse f | Tasse f Tassen | taza f | thing tableware vessel
glass | verre m | Glas n Gläser | vaso m | thing tableware vessel
plate | assiette f | Teller m Teller | plato m | thing tableware
knife knives | couteau m | Messer n Messer | cuchillo m | thing tableware cutlery
spoon | cuillère f | Löffel m Löffel | cuchara f | thing tableware cutlery
fork | fourchette f | Gabel f Gabeln | tenedor m | thing tableware cutlery
bottle | bouteille f | Flasche f Flaschen | botella f | thing vessel lidded
bag | sac m | Tasche f Taschen | bolsa f | thing luggage container
suitcase | valise f | Koffer m Koffer | maleta f | thing luggage container lidded
box | boîte f | Kiste f Kisten | caja f | thing container lidded
basket | panier m | Korb m Körbe | cesta f | thing container
umbrella | parapluie m | Regenschirm m Regenschirme | paraguas m paraguas | thing small-thing
pencil | crayon m | Bleistift m Bleistifte | lápiz m | thing small-thing
clock | horloge f | Uhr f Uhren | reloj m | thing gadget
candle | bougie f | Kerze f Kerzen | vela f | thing light-source
gift | cadeau m | Geschenk n Geschenke | regalo m | thing gift
flower | fleur f | Blume f Blumen | flor f | gift flower
doll | poupée f | Puppe f Puppen | muñeca f | thing toy
ball | ballon m | Ball m Bälle | balón m | thing toy
guitar | guitare f | Gitarre f Gitarren | guitarra f | thing instrument
lamp | lampe f | Lampe f Lampen | lámpara f | thing device light-source gadget
computer | ordinateur m | Computer m Computer | ordenador m | thing device gadget
radio | radio f | Radio n Radios | radio f | thing device gadget
"""

CLOTHES = """
shirt | chemise f | Hemd n Hemden | camisa f | clothing
dress | robe f | Kleid n Kleider | vestido m | clothing long-thing
hat | chapeau m | Hut m Hüte | sombrero m | clothing
coat | manteau m | Mantel m Mäntel | abrigo m | clothing long-thing
shoe | chaussure f | Schuh m Schuhe | zapato m | clothing paired
jacket | veste f | Jacke f Jacken | chaqueta f | clothing
skirt | jupe f | Rock m Röcke | falda f | clothing long-thing
glove | gant m | Handschuh m Handschuhe | guante m | clothing paired
"""

HOUSE = """
table | table f | Tisch m Tische | mesa f | furniture surface
chair | chaise f | Stuhl m Stühle | silla f | furniture surface seat
sofa | canapé m | Sofa n Sofas | sofá m | furniture surface seat
cupboard | armoire f | Schrank m Schränke | armario m | furniture container lidded
door | porte f | Tür f Türen | puerta f | opening
window | fenêtre f | Fenster n Fenster | ventana f | opening
house | maison f | Haus n Häuser | casa f | building home
"""

PLACES = """
school | école f | Schule f Schulen | escuela f | building place
hospital | hôpital m | Krankenhaus n Krankenhäuser | hospital m | building place
station | gare f | Bahnhof m Bahnhöfe | estación f | building place
park | parc m | Park m Parks | parque m | place nature
garden | jardin m | Garten m Gärten | jardín m | place nature
kitchen | cuisine f | Küche f Küchen | cocina f | place room
room | chambre f | Zimmer n Zimmer | habitación f | place room
restaurant | restaurant m | Restaurant n Restaurants | restaurante m | building place
hotel | hôtel m | Hotel n Hotels | hotel m | building place
museum | musée m | Museum n Museen | museo m | building place sight
library | bibliothèque f | Bibliothek f Bibliotheken | biblioteca f | building place
church | église f | Kirche f Kirchen | iglesia f | building place sight
market | marché m | Markt m Märkte | mercado m | place sight
cinema | cinéma m | Kino n Kinos | cine m | building place
beach | plage f | Strand m Strände | playa f | place nature
office | bureau m | Büro n Büros | oficina f | place room
theater | théâtre m | Theater n Theater | teatro m | building place
bakery | boulangerie f | Bäckerei f Bäckereien | panadería f | building place
airport | aéroport m | Flughafen m Flughäfen | aeropuerto m | place
forest | forêt f | Wald m Wälder | bosque m | place nature
village | village m | Dorf n Dörfer | pueblo m | place sight settlement
castle | château m | Schloss n Schlösser | castillo m | building place sight
lake | lac m | See m Seen | lago m | place nature
bridge | pont m | Brücke f Brücken | puente m | structure
street | rue f | Straße f Straßen | calle f | structure
"""

VEHICLES = """
car | voiture f | Auto n Autos | coche m | vehicle driven
bicycle | vélo m | Fahrrad n Fahrräder | bicicleta f | vehicle
bus | bus m | Bus m Busse | autobús m | vehicle transit driven
train | train m | Zug m Züge | tren m | vehicle transit
boat | bateau m | Boot n Boote | barco m | vehicle
truck | camion m | Lastwagen m Lastwagen | camión m | vehicle driven
"""

ALL = PEOPLE + ANIMALS + FOOD + THINGS + CLOTHES + HOUSE + PLACES + VEHICLES

# How one is at a place and goes to it: English preposition of rest; French of rest and of motion;
# German of rest (with dative) and of motion. Spanish rests with "en" and moves with "a" everywhere.
PLACE_PREPOSITIONS = """
school | at | à à | in in+A
hospital | at | à à | in in+A
station | at | à à | an zu+D
park | in | dans à | in in+A
garden | in | dans dans | in in+A
kitchen | in | dans dans | in in+A
room | in | dans dans | in in+A
restaurant | at | à à | in in+A
hotel | at | à à | in in+A
museum | at | à à | in in+A
library | at | à à | in in+A
church | in | dans à | in in+A
market | at | à à | auf auf+A
cinema | at | à à | in in+A
beach | at | à à | an an+A
office | at | à à | in in+A
theater | at | à à | in in+A
bakery | at | à à | in in+A
airport | at | à à | an zu+D
forest | in | dans dans | in in+A
village | in | dans à | in in+A
castle | in | dans à | in zu+D
lake | in | dans à | in zu+D
house | in | dans dans | in in+A
train | on | dans dans | in in+A
"""
