// What the page says, in the reader's language: one table, by the English text.
// {name} stands for a value; of two texts with | between them, the first is for one, the second for other numbers.

const LANGUAGES = ["de", "fr", "es"]; // the columns
const TABLE = {
  // The frame
  "Skip to the text": ["Zum Text springen", "Aller au texte", "Ir al texto"],
  "Views": ["Ansichten", "Vues", "Vistas"],
  "Translate": ["Übersetzen", "Traduire", "Traducir"],
  "Packs": ["Pakete", "Paquets", "Paquetes"],
  "Alignment": ["Wortkarte", "Alignement", "Alineación"],
  "API key": ["API-Schlüssel", "Clé API", "Clave API"],
  "Dark colours": ["Dunkle Farben", "Couleurs sombres", "Colores oscuros"],
  "Light colours": ["Helle Farben", "Couleurs claires", "Colores claros"],
  "Loading…": ["Wird geladen …", "Chargement…", "Cargando…"],
  "Close": ["Schließen", "Fermer", "Cerrar"],
  // Errors
  "Try again": ["Erneut versuchen", "Réessayer", "Reintentar"],
  "Dismiss": ["Ausblenden", "Masquer", "Descartar"],
  "Trying again in {n} s.": ["Neuer Versuch in {n} s.", "Nouvel essai dans {n} s.", "Nuevo intento en {n} s."],
  "The server cannot be reached.": ["Der Server ist nicht erreichbar.", "Le serveur est injoignable.", "No se puede acceder al servidor."],
  "Too many requests in a short time.": ["Zu viele Anfragen in kurzer Zeit.", "Trop de requêtes en peu de temps.", "Demasiadas solicitudes en poco tiempo."],
  "This is more than the server accepts at once.": ["Das ist mehr, als der Server auf einmal annimmt.", "C'est plus que ce que le serveur accepte en une fois.", "Es más de lo que el servidor acepta de una vez."],
  "The server is starting or busy.": ["Der Server startet oder ist ausgelastet.", "Le serveur démarre ou est occupé.", "El servidor se está iniciando o está ocupado."],
  "The translation failed. Your text is kept.": ["Die Übersetzung ist fehlgeschlagen. Ihr Text bleibt erhalten.", "La traduction a échoué. Votre texte est conservé.", "La traducción ha fallado. El texto se conserva."],
  "The translation took too long. Your text is kept.": ["Die Übersetzung hat zu lange gedauert. Ihr Text bleibt erhalten.", "La traduction a pris trop de temps. Votre texte est conservé.", "La traducción ha tardado demasiado. El texto se conserva."],
  "The translation broke off. Your text is kept.": ["Die Übersetzung ist abgebrochen. Ihr Text bleibt erhalten.", "La traduction s'est interrompue. Votre texte est conservé.", "La traducción se ha interrumpido. El texto se conserva."],
  "The text is longer than {n} characters.": ["Der Text ist länger als {n} Zeichen.", "Le texte dépasse {n} caractères.", "El texto supera los {n} caracteres."],
  "Shorten it.": ["Kürzen Sie ihn.", "Raccourcissez-le.", "Acórtelo."],
  "Shorten it, or give an API key.": ["Kürzen Sie ihn oder geben Sie einen API-Schlüssel an.", "Raccourcissez-le ou indiquez une clé API.", "Acórtelo o indique una clave API."],
  // Texts
  "Translate texts and files": ["Texte und Dateien übersetzen", "Traduire des textes et des fichiers", "Traducir textos y archivos"],
  "What to translate": ["Was übersetzt wird", "Que traduire", "Qué traducir"],
  "Text": ["Text", "Texte", "Texto"],
  "Files": ["Dateien", "Fichiers", "Archivos"],
  "Translate from": ["Übersetzen aus", "Traduire de", "Traducir de"],
  "Translate into": ["Übersetzen in", "Traduire vers", "Traducir a"],
  "Swap the languages": ["Sprachen tauschen", "Inverser les langues", "Intercambiar los idiomas"],
  "Detect language": ["Sprache erkennen", "Détecter la langue", "Detectar idioma"],
  "{language} (detected)": ["{language} (erkannt)", "{language} (détecté)", "{language} (detectado)"],
  "{language} (not served)": ["{language} (nicht verfügbar)", "{language} (non proposé)", "{language} (no disponible)"],
  "Language not served": ["Sprache nicht verfügbar", "Langue non proposée", "Idioma no disponible"],
  "Experimental pairs": ["Experimentelle Sprachpaare", "Paires expérimentales", "Pares experimentales"],
  "Through a third language": ["Über eine dritte Sprache", "Par une troisième langue", "A través de un tercer idioma"],
  "Text to translate": ["Zu übersetzender Text", "Texte à traduire", "Texto para traducir"],
  "Type or paste a text": ["Text eingeben oder einfügen", "Saisissez ou collez un texte", "Escriba o pegue un texto"],
  "It is translated while you type. Control and Enter translates at once.": ["Übersetzt wird beim Tippen, mit Strg und Eingabe sofort.", "La traduction se fait pendant la saisie ; Ctrl et Entrée traduit tout de suite.", "Se traduce mientras escribe; con Ctrl e Intro, enseguida."],
  "{n} character|{n} characters": ["{n} Zeichen|{n} Zeichen", "{n} caractère|{n} caractères", "{n} carácter|{n} caracteres"],
  "{n} of {limit} characters": ["{n} von {limit} Zeichen", "{n} sur {limit} caractères", "{n} de {limit} caracteres"],
  "HTML, tags are kept": ["HTML, Tags bleiben erhalten", "HTML, balises conservées", "HTML, se conservan las etiquetas"],
  "Clear": ["Leeren", "Effacer", "Borrar"],
  "Translation. Arrow keys go from word to word.": ["Übersetzung. Pfeiltasten gehen von Wort zu Wort.", "Traduction. Les flèches vont de mot en mot.", "Traducción. Las flechas van de palabra en palabra."],
  "Translated": ["Übersetzt", "Traduit", "Traducido"],
  "Copy": ["Kopieren", "Copier", "Copiar"],
  "Copied": ["Kopiert", "Copié", "Copiado"],
  "Press Ctrl+C": ["Strg+C drücken", "Tapez Ctrl+C", "Pulse Ctrl+C"],
  "Share link": ["Link teilen", "Partager", "Compartir"],
  "{pair} model": ["Modell {pair}", "Modèle {pair}", "Modelo {pair}"],
  "experimental pair": ["experimentell", "expérimental", "experimental"],
  "in two steps": ["in zwei Schritten", "en deux étapes", "en dos pasos"],
  "Left as it is": ["Bleibt, wie es ist", "Laissé tel quel", "Se deja como está"],
  "Type a text first: its language is not known yet": ["Erst einen Text eingeben: Seine Sprache ist noch unbekannt", "Saisissez d'abord un texte : sa langue n'est pas encore connue", "Escriba primero un texto: aún no se conoce su idioma"],
  "Nothing translates {pair}": ["Nichts übersetzt {pair}", "Rien ne traduit {pair}", "Nada traduce {pair}"],
  "Alternatives": ["Alternativen", "Variantes", "Alternativas"],
  "Use this translation": ["Diese Übersetzung nehmen", "Prendre cette traduction", "Usar esta traducción"],
  "Click a sentence for other translations.": ["Auf einen Satz klicken zeigt andere Übersetzungen.", "Cliquez sur une phrase pour d'autres traductions.", "Haga clic en una frase para ver otras traducciones."],
  "Tap a sentence for other translations.": ["Auf einen Satz tippen zeigt andere Übersetzungen.", "Touchez une phrase pour d'autres traductions.", "Toque una frase para ver otras traducciones."],
  "Point at a word to see which words it came from.": ["Auf ein Wort zeigen, um zu sehen, aus welchen Wörtern es entstand.", "Pointez un mot pour voir de quels mots il vient.", "Señale una palabra para ver de qué palabras viene."],
  "Tap a word to see which words it came from.": ["Auf ein Wort tippen, um zu sehen, aus welchen Wörtern es entstand.", "Touchez un mot pour voir de quels mots il vient.", "Toque una palabra para ver de qué palabras viene."],
  "Looking for the words that belong together…": ["Zusammengehörige Wörter werden gesucht …", "Recherche des mots qui vont ensemble…", "Buscando las palabras que van juntas…"],
  "Underline doubtful words": ["Zweifelhafte Wörter unterstreichen", "Souligner les mots douteux", "Subrayar las palabras dudosas"],
  "{n} doubtful word|{n} doubtful words": ["{n} zweifelhaftes Wort|{n} zweifelhafte Wörter", "{n} mot douteux|{n} mots douteux", "{n} palabra dudosa|{n} palabras dudosas"],
  "Doubtful: {n} %": ["Zweifelhaft: {n} %", "Douteux : {n} %", "Dudosa: {n} %"],
  "no word": ["kein Wort", "aucun mot", "ninguna palabra"],
  "For programs": ["Für Programme", "Pour les programmes", "Para programas"],
  "Request": ["Anfrage", "Requête", "Solicitud"],
  "Response": ["Antwort", "Réponse", "Respuesta"],
  "Description of the API": ["Beschreibung der API", "Description de l'API", "Descripción de la API"],
  // Files
  "Drop files here, or choose them": ["Dateien hierher ziehen oder auswählen", "Déposez des fichiers ici ou choisissez-les", "Suelte archivos aquí o elíjalos"],
  "Drop files to translate them into {language}": ["Dateien loslassen: Übersetzung in {language}", "Déposez les fichiers pour les traduire : {language}", "Suelte los archivos para traducirlos: {language}"],
  "Notify me when a file is done": ["Benachrichtigen, wenn eine Datei fertig ist", "M'avertir quand un fichier est prêt", "Avisarme cuando un archivo esté listo"],
  "waiting": ["wartet", "en attente", "en espera"],
  "into {language}": ["in {language}", "vers {language}", "a {language}"],
  "Download": ["Herunterladen", "Télécharger", "Descargar"],
  "Translating {file}": ["{file} wird übersetzt", "Traduction de {file}", "Traduciendo {file}"],
  "{file} is translated": ["{file} ist übersetzt", "{file} est traduit", "{file} está traducido"],
  "{file} could not be translated": ["{file} konnte nicht übersetzt werden", "{file} n'a pas pu être traduit", "{file} no se ha podido traducir"],
  "This format is not read. Expected one of {formats}": ["Dieses Format wird nicht gelesen. Möglich sind {formats}", "Ce format n'est pas lu. Formats possibles : {formats}", "Este formato no se lee. Formatos posibles: {formats}"],
  // Packs
  "One model, the parent, stays as it is. A pack holds what a new language changes, and nothing else.": ["Ein Modell, der Parent, bleibt, wie es ist. Ein Paket enthält, was eine neue Sprache ändert, und sonst nichts.", "Un modèle, le parent, reste tel quel. Un paquet contient ce qu'une nouvelle langue change, et rien d'autre.", "Un modelo, el padre, queda como está. Un paquete contiene lo que cambia un nuevo idioma, y nada más."],
  "Parent": ["Parent", "Parent", "Padre"],
  "Its pair": ["Sein Sprachpaar", "Sa paire", "Su par"],
  "All packs": ["Alle Pakete", "Tous les paquets", "Todos los paquetes"],
  "As full models": ["Als ganze Modelle", "En modèles complets", "Como modelos completos"],
  "about {size}": ["etwa {size}", "environ {size}", "unos {size}"],
  "Pairs": ["Sprachpaare", "Paires", "Pares"],
  "from \\ into": ["aus \\ in", "de \\ vers", "de \\ a"],
  "no": ["nein", "non", "no"],
  "trained, by a pack": ["trainiert, durch ein Paket", "entraînée, par un paquet", "entrenado, por un paquete"],
  "the parent's own pair": ["das eigene Paar des Parents", "la paire du parent", "el par del padre"],
  "experimental: two packs put together": ["experimentell: zwei Pakete zusammengesetzt", "expérimentale : deux paquets réunis", "experimental: dos paquetes combinados"],
  "in use": ["in Gebrauch", "utilisé", "en uso"],
  "Use this pack": ["Dieses Paket verwenden", "Utiliser ce paquet", "Usar este paquete"],
  "{pair} is translated by {name}": ["{pair} übersetzt jetzt {name}", "{pair} est traduit par {name}", "{pair} lo traduce {name}"],
  "of {size}: {share} % of a full model": ["von {size}: {share} % eines ganzen Modells", "sur {size} : {share} % d'un modèle complet", "de {size}: {share} % de un modelo completo"],
  "No scores were stored with it.": ["Ohne gespeicherte Bewertungen.", "Aucun score enregistré.", "Sin puntuaciones guardadas."],
  "on {test}": ["auf {test}", "sur {test}", "en {test}"],
  "Strategy": ["Strategie", "Stratégie", "Estrategia"],
  "New side": ["Neue Seite", "Côté nouveau", "Lado nuevo"],
  "source": ["Quelle", "source", "origen"],
  "target": ["Ziel", "cible", "destino"],
  "none": ["keine", "aucun", "ninguno"],
  "Training data": ["Trainingsdaten", "Données d'entraînement", "Datos de entrenamiento"],
  "{n} pairs": ["{n} Paare", "{n} paires", "{n} pares"],
  "Licence": ["Lizenz", "Licence", "Licencia"],
  "Made": ["Erstellt", "Créé", "Creado"],
  "Text: {origins}": ["Text: {origins}", "Texte : {origins}", "Texto: {origins}"],
  "Also makes the experimental pair {pairs}": ["Ergibt auch das experimentelle Sprachpaar {pairs}", "Donne aussi la paire expérimentale {pairs}", "Forma también el par experimental {pairs}"],
  "No pack is installed. The folder of packs is watched: what is put there appears here.": ["Kein Paket ist installiert. Was in den Ordner der Pakete gelegt wird, erscheint hier.", "Aucun paquet n'est installé. Ce qui est placé dans le dossier des paquets apparaît ici.", "No hay paquetes instalados. Lo que se ponga en la carpeta de paquetes aparecerá aquí."],
  "Not served, the server's log says why: {names}": ["Nicht verfügbar, den Grund nennt das Protokoll des Servers: {names}", "Non proposés, le journal du serveur dit pourquoi : {names}", "No disponibles, el registro del servidor dice por qué: {names}"],
  "Engine: {engine}. In memory: {list}.": ["Engine: {engine}. Im Speicher: {list}.", "Moteur : {engine}. En mémoire : {list}.", "Motor: {engine}. En memoria: {list}."],
  "nothing yet": ["noch nichts", "rien encore", "nada aún"],
  // Alignment
  "A pack learns its words without a dictionary. Look up where they came to lie: the nearest words of the parent are often their translations.": ["Ein Paket lernt seine Wörter ohne Wörterbuch. Hier steht, wo sie zu liegen kamen: Die nächsten Wörter des Parents sind oft ihre Übersetzungen.", "Un paquet apprend ses mots sans dictionnaire. Voyez où ils se placent : les mots les plus proches du parent sont souvent leurs traductions.", "Un paquete aprende sus palabras sin diccionario. Vea dónde quedan: las palabras más cercanas del padre son a menudo sus traducciones."],
  "Words of": ["Wörter von", "Mots de", "Palabras de"],
  "Word": ["Wort", "Mot", "Palabra"],
  "Look up": ["Nachschlagen", "Chercher", "Buscar"],
  "parent": ["Parent", "parent", "padre"],
  "Reading the model: the first time this takes some seconds.": ["Das Modell wird gelesen: Beim ersten Mal dauert das einige Sekunden.", "Lecture du modèle : la première fois, cela prend quelques secondes.", "Leyendo el modelo: la primera vez tarda unos segundos."],
  "Looking…": ["Wird gesucht …", "Recherche…", "Buscando…"],
  "Try a word": ["Ein Wort ausprobieren", "Essayez un mot", "Pruebe una palabra"],
  "Type a word of the parent to find the words of packs that lie next to it.": ["Ein Wort des Parents eingeben, um die nächsten Wörter der Pakete zu finden.", "Saisissez un mot du parent pour trouver les mots les plus proches des paquets.", "Escriba una palabra del padre para encontrar las más cercanas de los paquetes."],
  "No two words are each other's nearest. Type a word.": ["Keine zwei Wörter liegen einander am nächsten. Geben Sie ein Wort ein.", "Aucun couple de mots n'est le plus proche l'un de l'autre. Saisissez un mot.", "No hay dos palabras que sean mutuamente las más cercanas. Escriba una palabra."],
  "Frequent words that are each other's nearest. The plane holds {share} % of the variance.": ["Häufige Wörter, die einander am nächsten liegen. Die Ebene zeigt {share} % der Varianz.", "Mots fréquents qui sont mutuellement les plus proches. Le plan contient {share} % de la variance.", "Palabras frecuentes que son mutuamente las más cercanas. El plano contiene el {share} % de la varianza."],
  "{word}: {n} nearest words, by cosine.": ["{word}: {n} nächste Wörter, nach Kosinus.", "{word} : {n} mots les plus proches, par cosinus.", "{word}: {n} palabras más cercanas, por coseno."],
  "There is nothing else of this side to compare with.": ["Auf dieser Seite gibt es nichts anderes zum Vergleichen.", "Rien d'autre de ce côté à comparer.", "No hay nada más de este lado con que comparar."],
  "The word and its nearest words, on the plane in which they differ most.": ["Das Wort und seine nächsten Wörter, auf der Ebene, in der sie sich am meisten unterscheiden.", "Le mot et ses voisins, sur le plan où ils diffèrent le plus.", "La palabra y sus vecinas, en el plano en que más difieren."],
  // The key
  "Sent with your texts, to this server only.": ["Wird mit Ihren Texten nur an diesen Server gesendet.", "Envoyée avec vos textes, à ce serveur seulement.", "Se envía con sus textos, solo a este servidor."],
  "Key": ["Schlüssel", "Clé", "Clave"],
  "Remember it on this device": ["Auf diesem Gerät merken", "La mémoriser sur cet appareil", "Recordarla en este dispositivo"],
  "Cancel": ["Abbrechen", "Annuler", "Cancelar"],
  "Save": ["Speichern", "Enregistrer", "Guardar"],
};

// The first of the reader's languages that the page speaks.
const language = navigator.languages.map((tag) => tag.split("-")[0]).find((each) => each === "en" || LANGUAGES.includes(each)) || "en";
const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) || language;
const column = LANGUAGES.indexOf(language);
const plurals = new Intl.PluralRules(locale);
const described = new Intl.Locale(language);
const { direction = "ltr" } = described.getTextInfo?.() ?? described.textInfo ?? {};
const names = new Intl.DisplayNames([locale], { type: "language", fallback: "none" });

// From what is read first to what is read next.
export const arrow = direction === "rtl" ? "←" : "→";

export function t(english, values = {}) {
  const [one, other = one] = (TABLE[english]?.[column] ?? english).split("|");
  const text = plurals.select(values.n ?? 0) === "one" ? one : other;
  return text.replace(/\{(\w+)\}/g, (_, key) => (typeof values[key] === "number" ? number(values[key]) : values[key]));
}

export const number = (value, digits = 0) =>
  value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function size(bytes) {
  if (bytes < 1e6) return `${number(Math.max(1, bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${number(bytes / 1e6, 1)} MB` : `${number(bytes / 1e9, 1)} GB`;
}

// The server knows the English names, also of codes that the browser has never heard of.
export function languageName(code, english) {
  if (column < 0) return english || code;
  try {
    const name = names.of(code);
    return name ? name[0].toLocaleUpperCase(locale) + name.slice(1) : english || code;
  } catch {
    return english || code; // not the form of a code
  }
}

// Puts what a part of the document says, in English, into the reader's language.
export function localise(root) {
  document.documentElement.lang = language;
  document.documentElement.dir = direction;
  if (column < 0) return;
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const english = node.data.trim();
    if (TABLE[english]) node.data = node.data.replace(english, () => t(english));
  }
  for (const each of root.querySelectorAll("[aria-label], [title], [placeholder]")) {
    for (const attribute of ["aria-label", "title", "placeholder"]) {
      const english = each.getAttribute(attribute);
      if (TABLE[english]) each.setAttribute(attribute, t(english));
    }
  }
}
