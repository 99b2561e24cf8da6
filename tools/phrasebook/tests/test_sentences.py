"""Hand-written sentences: one meaning, four languages, per phenomenon."""

from __future__ import annotations

import pytest
from tools.phrasebook import english, french, german, spanish
from tools.phrasebook.meaning import Both, Clause, Name, Phrase, Place, Pronoun, Sentence, Time

ME, YOU, WE = Pronoun(1), Pronoun(2), Pronoun(1, plural=True)
HE, SHE, THEY = Pronoun(3), Pronoun(3, feminine=True), Pronoun(3, plural=True)
ANNA, PAUL = Name("Anna"), Name("Paul")


def said(meaning: Sentence) -> list[str]:
    return [grammar.sentence(meaning) for grammar in (english, french, german, spanish)]


def statement(verb: str, subject=None, object=None, **details) -> Sentence:
    return Sentence(Clause(verb, subject, object, **details))


GOLDEN = {
    "separable verb, present": (
        statement("open", SHE, Phrase("door")),
        ["She is opening the door.", "Elle ouvre la porte.", "Sie macht die Tür auf.", "Ella abre la puerta."],
    ),
    "separable verb, perfect": (
        statement("call", ANNA, PAUL, tense="past"),
        ["Anna called Paul.", "Anna a appelé Paul.", "Anna hat Paul angerufen.", "Anna llamó a Paul."],
    ),
    "verb-final clause": (
        Sentence(Clause("say", ANNA), link="that", second=Clause("open", PAUL, Phrase("door"))),
        ["Anna says that Paul is opening the door.", "Anna dit que Paul ouvre la porte.", "Anna sagt, dass Paul die Tür aufmacht.", "Anna dice que Paul abre la puerta."],
    ),
    "because, agreement and dropped subject": (
        Sentence(Clause("be", ANNA, adjective="tired"), link="because", second=Clause("travel", SHE, tense="past", place=Place("to", "London"))),
        ["Anna is tired because she traveled to London.", "Anna est fatiguée parce qu'elle a voyagé à Londres.", "Anna ist müde, weil sie nach London gereist ist.", "Anna está cansada porque viajó a Londres."],
    ),
    "inversion after an adverb": (
        statement("buy", ANNA, Phrase("car", "a"), tense="past", time=Time("word", "yesterday"), fronted=True),
        ["Yesterday Anna bought a car.", "Hier, Anna a acheté une voiture.", "Gestern hat Anna ein Auto gekauft.", "Ayer Anna compró un coche."],
    ),
    "être, sein, ir": (
        statement("go", Phrase("woman", plural=True), tense="past", place=Place("to", Phrase("park"))),
        ["The women went to the park.", "Les femmes sont allées au parc.", "Die Frauen sind in den Park gegangen.", "Las mujeres fueron al parque."],
    ),
    "reflexive": (
        statement("rise", Phrase("sister", "owned", owner=ME), tense="past", manner="early"),
        ["My sister got up early.", "Ma sœur s'est levée tôt.", "Meine Schwester ist früh aufgestanden.", "Mi hermana se levantó temprano."],
    ),
    "reflexive infinitive agrees": (
        statement("stay", ME, modal="want", place=Place("at", Phrase("hotel"))),
        ["I want to stay at the hotel.", "Je veux rester à l'hôtel.", "Ich will im Hotel bleiben.", "Quiero quedarme en el hotel."],
    ),
    "no article of its own in a negation": (
        statement("buy", HE, Phrase("apple", "plural", True), polarity="negative", tense="past"),
        ["He did not buy any apples.", "Il n'a pas acheté de pommes.", "Er hat keine Äpfel gekauft.", "Él no compró manzanas."],
    ),
    "kein, ningún": (
        statement("have", WE, Phrase("dog", "a"), polarity="negative"),
        ["We do not have a dog.", "Nous n'avons pas de chien.", "Wir haben keinen Hund.", "No tenemos ningún perro."],
    ),
    "nicht after a definite object": (
        statement("read", Phrase("child"), Phrase("letter"), polarity="negative", tense="past"),
        ["The child did not read the letter.", "L'enfant n'a pas lu la lettre.", "Das Kind hat den Brief nicht gelesen.", "El niño no leyó la carta."],
    ),
    "never": (
        statement("drink", PAUL, Phrase("coffee", "mass"), polarity="never", habitual=True),
        ["Paul never drinks coffee.", "Paul ne boit jamais de café.", "Paul trinkt nie Kaffee.", "Paul nunca bebe café."],
    ),
    "partitive, place before indefinite object": (
        statement("drink", PAUL, Phrase("water", "mass"), tense="past", place=Place("at", Phrase("kitchen"))),
        ["Paul drank water in the kitchen.", "Paul a bu de l'eau dans la cuisine.", "Paul hat in der Küche Wasser getrunken.", "Paul bebió agua en la cocina."],
    ),
    "feminine noun with the masculine article": (
        statement("be", Phrase("water"), adjective="cold"),
        ["The water is cold.", "L'eau est froide.", "Das Wasser ist kalt.", "El agua está fría."],
    ),
    "adjectives: mixed declension and liaison": (
        statement("see", ME, Phrase("hotel", "a", adjective="old"), tense="past"),
        ["I saw an old hotel.", "J'ai vu un vieil hôtel.", "Ich habe ein altes Hotel gesehen.", "Vi un hotel viejo."],
    ),
    "adjectives: before and after the noun": (
        statement("wash", SHE, Phrase("shirt", "this", True, adjective="white")),
        ["She is washing these white shirts.", "Elle lave ces chemises blanches.", "Sie wäscht diese weißen Hemden.", "Ella lava estas camisas blancas."],
    ),
    "adjectives: des becomes de, strong declension": (
        statement("buy", PAUL, Phrase("book", "plural", True, adjective="good"), tense="past"),
        ["Paul bought good books.", "Paul a acheté de bons livres.", "Paul hat gute Bücher gekauft.", "Paul compró buenos libros."],
    ),
    "adjectives: shortened, dative plural": (
        statement("read", PAUL, Phrase("book", "a", adjective="good")),
        ["Paul is reading a good book.", "Paul lit un bon livre.", "Paul liest ein gutes Buch.", "Paul lee un buen libro."],
    ),
    "comparative": (
        statement("be", Phrase("apple"), adjective="good", standard=Phrase("onion")),
        ["The apple is better than the onion.", "La pomme est meilleure que l'oignon.", "Der Apfel ist besser als die Zwiebel.", "La manzana es mejor que la cebolla."],
    ),
    "dative object, weak noun, personal a": (
        statement("help", ANNA, Phrase("neighbor"), tense="past"),
        ["Anna helped the neighbor.", "Anna a aidé le voisin.", "Anna hat dem Nachbarn geholfen.", "Anna ayudó al vecino."],
    ),
    "dative of the recipient": (
        statement("give", Phrase("mother", "owned", owner=PAUL), Phrase("apple", "a"), recipient=Phrase("child", plural=True)),
        ["Paul's mother is giving an apple to the children.", "La mère de Paul donne une pomme aux enfants.", "Pauls Mutter gibt den Kindern einen Apfel.", "La madre de Paul les da una manzana a los niños."],
    ),
    "clitics": (
        statement("see", PAUL, SHE, tense="past"),
        ["Paul saw her.", "Paul l'a vue.", "Paul hat sie gesehen.", "Paul la vio."],
    ),
    "clitic with an infinitive": (
        statement("help", ANNA, ME, modal="can"),
        ["Anna can help me.", "Anna peut m'aider.", "Anna kann mir helfen.", "Anna puede ayudarme."],
    ),
    "prepositions that govern": (
        statement("wait", ME, Phrase("bus")),
        ["I am waiting for the bus.", "J'attends le bus.", "Ich warte auf den Bus.", "Espero el autobús."],
    ),
    "with me": (
        statement("play", Phrase("girl"), ME),
        ["The girl is playing with me.", "La fille joue avec moi.", "Das Mädchen spielt mit mir.", "La chica juega conmigo."],
    ),
    "place before nicht and a prepositional object": (
        statement("play", Phrase("boy"), Phrase("rabbit", "owned", owner=HE), tense="past", polarity="negative", place=Place("at", Phrase("garden"))),
        ["The boy did not play with his rabbit in the garden.", "Le garçon n'a pas joué avec son lapin dans le jardin.", "Der Junge hat im Garten nicht mit seinem Kaninchen gespielt.", "El chico no jugó con su conejo en el jardín."],
    ),
    "contractions and cases of places": (
        statement("be", Phrase("key", plural=True), place=Place("next to", Phrase("lamp"))),
        ["The keys are next to the lamp.", "Les clés sont à côté de la lampe.", "Die Schlüssel sind neben der Lampe.", "Las llaves están al lado de la lámpara."],
    ),
    "am, zur": (
        statement("arrive", Phrase("train"), tense="future", place=Place("at", Phrase("station"))),
        ["The train will arrive at the station.", "Le train arrivera à la gare.", "Der Zug wird am Bahnhof ankommen.", "El tren llegará a la estación."],
    ),
    "subject relative": (
        statement("be", Phrase("man", relative=Clause("live", None, place=Place("at", "Vienna"))), adjective="rich"),
        ["The man who lives in Vienna is rich.", "L'homme qui habite à Vienne est riche.", "Der Mann, der in Wien wohnt, ist reich.", "El hombre que vive en Viena es rico."],
    ),
    "object relative, extraposed": (
        statement("read", ANNA, Phrase("letter", relative=Clause("write", PAUL, tense="past")), tense="past"),
        ["Anna read the letter that Paul wrote.", "Anna a lu la lettre que Paul a écrite.", "Anna hat den Brief gelesen, den Paul geschrieben hat.", "Anna leyó la carta que Paul escribió."],
    ),
    "object relative about a person, dative": (
        statement("be", Phrase("woman", relative=Clause("help", WE, tense="past")), adjective="nice"),
        ["The woman that we helped is nice.", "La femme que nous avons aidée est gentille.", "Die Frau, der wir geholfen haben, ist nett.", "La mujer a la que ayudamos es simpática."],
    ),
    "gustar": (
        statement("like", Phrase("boy", plural=True), Phrase("dog", "all", True)),
        ["The boys like dogs.", "Les garçons aiment les chiens.", "Die Jungen mögen Hunde.", "A los chicos les gustan los perros."],
    ),
    "gustar, negated": (
        statement("like", Phrase("student"), Phrase("coffee", "all"), polarity="negative"),
        ["The student does not like coffee.", "L'étudiant n'aime pas le café.", "Der Student mag keinen Kaffee.", "Al estudiante no le gusta el café."],
    ),
    "gern": (
        statement("eat", PAUL, Phrase("bread", "mass"), gladly=True),
        ["Paul likes to eat bread.", "Paul aime manger du pain.", "Paul isst gern Brot.", "A Paul le gusta comer pan."],
    ),
    "gern, negated": (
        statement("prepare", ANNA, Phrase("coffee", "mass"), gladly=True, polarity="negative", place=Place("at", Phrase("kitchen"))),
        ["Anna does not like to prepare coffee in the kitchen.", "Anna n'aime pas préparer du café dans la cuisine.", "Anna bereitet in der Küche nicht gern Kaffee zu.", "A Anna no le gusta preparar café en la cocina."],
    ),
    "goal and company": (
        statement("go", PAUL, tense="future", place=Place("to", Phrase("cinema")), companion=Place("without", SHE)),
        ["Paul will go to the cinema without her.", "Paul ira au cinéma sans elle.", "Paul wird ohne sie ins Kino gehen.", "Paul irá al cine sin ella."],
    ),
    "feminine plural subject": (
        Sentence(Clause("be", Both(ANNA, Name("Eva")), adjective="sad"), link="because", second=Clause("lose", Pronoun(3, True, True), Phrase("key", "owned", owner=Pronoun(3, True, True)), tense="past")),
        ["Anna and Eva are sad because they lost their key.", "Anna et Eva sont tristes parce qu'elles ont perdu leur clé.", "Anna und Eva sind traurig, weil sie ihren Schlüssel verloren haben.", "Anna y Eva están tristes porque perdieron su llave."],
    ),
    "there is": (
        statement("exist", None, Phrase("tourist", "count", True, count=23), place=Place("at", Phrase("museum"))),
        ["There are twenty-three tourists at the museum.", "Il y a vingt-trois touristes au musée.", "Es gibt dreiundzwanzig Touristen im Museum.", "Hay veintitrés turistas en el museo."],
    ),
    "possessive bound by the subject": (
        statement("lose", Phrase("actress"), Phrase("hat", "owned", owner=SHE), tense="past"),
        ["The actress lost her hat.", "L'actrice a perdu son chapeau.", "Die Schauspielerin hat ihren Hut verloren.", "La actriz perdió su sombrero."],
    ),
    "genitive": (
        statement("repair", PAUL, Phrase("car", "owned", owner=Phrase("doctor")), tense="future"),
        ["Paul will repair the doctor's car.", "Paul réparera la voiture du médecin.", "Paul wird das Auto des Arztes reparieren.", "Paul reparará el coche del médico."],
    ),
    "need": (
        statement("need", WE, Phrase("knife", "a")),
        ["We need a knife.", "Nous avons besoin d'un couteau.", "Wir brauchen ein Messer.", "Necesitamos un cuchillo."],
    ),
    "people together": (
        statement("be", Both(ANNA, Name("Clara")), adjective="happy", tense="past"),
        ["Anna and Clara were happy.", "Anna et Clara étaient heureuses.", "Anna und Clara waren glücklich.", "Anna y Clara estaban felices."],
    ),
    "habit": (
        statement("visit", THEY, Phrase("castle"), habitual=True, time=Time("every", "summer")),
        ["They visit the castle every summer.", "Ils visitent le château chaque été.", "Sie besuchen jeden Sommer das Schloss.", "Ellos visitan el castillo todos los veranos."],
    ),
    "frequency before the hour": (
        statement("rise", ME, habitual=True, frequency="often", time=Time("clock", hour=7)),
        ["I often get up at seven o'clock.", "Je me lève souvent à sept heures.", "Ich stehe oft um sieben Uhr auf.", "Me levanto a menudo a las siete."],
    ),
    "soon": (
        statement("bring", Phrase("waiter"), Phrase("soup"), recipient=WE, tense="future", time=Time("word", "soon")),
        ["The waiter will bring us the soup soon.", "Le serveur nous apportera bientôt la soupe.", "Der Kellner wird uns bald die Suppe mitbringen.", "El camarero nos traerá la sopa pronto."],
    ),
    "clock": (
        statement("leave", Phrase("train"), habitual=True, time=Time("clock", hour=8)),
        ["The train leaves at eight o'clock.", "Le train part à huit heures.", "Der Zug fährt um acht Uhr ab.", "El tren sale a las ocho."],
    ),
    "manner after the verb": (
        statement("eat", Phrase("child"), Phrase("soup"), manner="slowly"),
        ["The child is eating the soup slowly.", "L'enfant mange lentement la soupe.", "Das Kind isst die Suppe langsam.", "El niño come lentamente la sopa."],
    ),
    "yes or no": (
        Sentence(Clause("have", YOU, Phrase("dog", "a")), "polar"),
        ["Do you have a dog?", "Est-ce que tu as un chien ?", "Hast du einen Hund?", "¿Tienes un perro?"],
    ),
    "who": (
        Sentence(Clause("close", None, Phrase("window"), tense="past"), "who"),
        ["Who closed the window?", "Qui a fermé la fenêtre ?", "Wer hat das Fenster zugemacht?", "¿Quién cerró la ventana?"],
    ),
    "what": (
        Sentence(Clause("buy", ANNA, tense="past"), "what"),
        ["What did Anna buy?", "Qu'est-ce qu'Anna a acheté ?", "Was hat Anna gekauft?", "¿Qué compró Anna?"],
    ),
    "where to": (
        Sentence(Clause("go", Phrase("man")), "where"),
        ["Where is the man going?", "Où est-ce que l'homme va ?", "Wohin geht der Mann?", "¿Adónde va el hombre?"],
    ),
    "where": (
        Sentence(Clause("be", Phrase("key")), "where"),
        ["Where is the key?", "Où est la clé ?", "Wo ist der Schlüssel?", "¿Dónde está la llave?"],
    ),
    "why": (
        Sentence(Clause("cry", Phrase("girl")), "why"),
        ["Why is the girl crying?", "Pourquoi est-ce que la fille pleure ?", "Warum weint das Mädchen?", "¿Por qué llora la chica?"],
    ),
    "but": (
        Sentence(Clause("sleep", ANNA), link="but", second=Clause("work", PAUL)),
        ["Anna is sleeping, but Paul is working.", "Anna dort, mais Paul travaille.", "Anna schläft, aber Paul arbeitet.", "Anna duerme, pero Paul trabaja."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("phenomenon", GOLDEN)
def test_each_language_says_it_by_its_own_grammar(phenomenon: str) -> None:
    meaning, expected = GOLDEN[phenomenon]
    assert said(meaning) == expected
