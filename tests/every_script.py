"""Text of more than fifty languages in more than thirty scripts, as their readers would write it.

Every language has sentences with its own ends, digits and marks, and lines with parts that no translation may
change. These stand between ⟦ and ⟧, which are no part of the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

# The head of a sample has its language and script (ISO 15924), and how its sentences follow upon each other:
# "joined" without a space, "unmarked" with a space alone. An empty line divides sentences from marked lines.
_TEXT = """
= de Latn
Grüß Gott!
Wie geht es Ihnen heute?
Ich schreibe einen Brief an meine Großmutter in Köln.
Der Zug kommt um 7.30 Uhr an, d. h. etwas später.

Bitte schreiben Sie an ⟦hilfe@beispiel.de⟧ oder rufen Sie ⟦https://beispiel.de/größe?id=1&x=2⟧ auf.
Hallo ⟦{name}⟧, 20 % der ⟦%d⟧ Dateien sind ⟦<b>⟧neu⟦</b>⟧ ⟦🎉⟧.

= fr Latn
Bonjour à tous\u202f!
Comment allez-vous aujourd’hui\u202f?
J’écris une lettre à ma sœur, qui habite à Nîmes.
«\u00a0Où est l’œuf\u202f?\u00a0» demande-t-elle.

Écrivez à ⟦aide@exemple.fr⟧ : nous répondons en ⟦%s⟧ jours.
Bienvenue, ⟦{{ prénom }}⟧ ! Voir ⟦https://exemple.fr/été⟧ ⟦👩🏽‍💻⟧

= es Latn
¡Buenos días!
¿Cómo está usted hoy?
El niño lee un cuento de pingüinos en la 2.ª planta.

¿Has visto ⟦https://ejemplo.es/año⟧? Escríbeme a ⟦ana@ejemplo.es⟧, por favor.
¡Hola, ⟦%(nombre)s⟧! Tienes ⟦{n}⟧ mensajes ⟦✉️⟧.

= pl Latn
Dzień dobry!
Jak się pan dzisiaj czuje?
Źdźbło trawy leży na żółtej książce.

Napisz na adres ⟦pomoc@przykład.pl⟧ albo zajrzyj na ⟦www.przyklad.pl/łódź⟧.
Witaj, ⟦%1$s⟧! Masz ⟦%2$d⟧ nowe wiadomości ⟦😀⟧.

= tr Latn
Günaydın!
Bugün nasılsınız?
Işıl, İstanbul’da büyük bir kütüphanede kitap okuyor.
Fiyatlar %50 düştü.

Sorularınız için ⟦yardim@ornek.com.tr⟧ adresine yazın.
Merhaba ⟦{isim}⟧, %100 ücretsiz deneyin: ⟦https://ornek.com.tr/şarkı⟧

= vi Latn
Xin chào các bạn!
Hôm nay bạn có khỏe không?
Tôi đang viết thư cho bà ngoại ở Huế.

Hãy gửi thư đến ⟦trogiup@vidu.vn⟧ nếu bạn cần giúp.
Chào ⟦{ten}⟧, xem thêm tại ⟦https://vidu.vn/tiếng-việt⟧ ⟦🇻🇳⟧

= yo Latn
Ẹ kú àárọ̀!
Ṣé dáadáa ni?
Mo ń ka ìwé nípa ìtàn àwọn Yorùbá.

Ẹ kọ̀wé sí ⟦iranlowo@apeere.ng⟧ bí ẹ bá ní ìbéèrè.
Ẹ káàbọ̀, ⟦{orúkọ}⟧! Ẹ wo ⟦https://apeere.ng/èdè⟧ ⟦📚⟧

= ha Latn
Sannu da zuwa!
Yaya kake yau?
Ina karanta littafi da ƙarfi a ɗakin karatu.

Ka rubuta zuwa ⟦taimako@misali.ng⟧ idan kana da tambaya.
Barka, ⟦%s⟧! Duba ⟦https://misali.ng/ɓangare⟧

= kab Latn
Azul fell-awen!
Amek tettiliḍ ass-a?
Nekk ɣriɣ adlis n tmaziɣt deg uɣerbaz.

Aru-d ɣer ⟦tallelt@amedya.dz⟧ ma tesɛiḍ asteqsi.
Azul ⟦{isem}⟧, ẓer ⟦https://amedya.dz/tamaziɣt⟧ ⟦👍⟧

= ru Cyrl
Добрый день!
Как вы себя чувствуете сегодня?
Я пишу письмо бабушке, которая живёт в Твери.

Пишите на ⟦помощь@пример.рф⟧ или ⟦help@example.ru⟧.
Привет, ⟦{имя}⟧! Осталось ⟦%d⟧ файлов, см. ⟦https://пример.рф/файл⟧ ⟦😊⟧

= uk Cyrl
Добрий ранок!
Як у вас справи?
Моя сім’я читає ґрунтовну книжку про Їжакевича.

Пишіть на ⟦dopomoha@pryklad.ua⟧, будь ласка.
Вітаємо, ⟦%(ім_я)s⟧! Тег ⟦#україна⟧ і сайт ⟦https://pryklad.ua/їжа⟧

= sr-Cyrl Cyrl
Добар дан!
Како сте данас?
Љубица чита књигу о џиновима и ђаволима.

Пишите на ⟦pomoc@primer.rs⟧ ако имате питања.
Здраво, ⟦{ime}⟧! Погледајте ⟦<a href="https://primer.rs">⟧нашу страну⟦</a>⟧.

= kk Cyrl
Қайырлы таң!
Бүгін қалыңыз қалай?
Әжем маған қызық ертегі оқып берді.

Сұрағыңыз болса, ⟦komek@mysal.kz⟧ мекенжайына жазыңыз.
Сәлем, ⟦{аты}⟧! Толығырақ: ⟦https://mysal.kz/қазақ⟧

= mn Cyrl
Өглөөний мэнд!
Та сайн байна уу?
Би эмээдээ захидал бичиж байна.

Асуулт байвал ⟦tuslamj@jishee.mn⟧ хаягаар бичнэ үү.
Сайн уу, ⟦%s⟧! Дэлгэрэнгүйг ⟦https://jishee.mn/ном⟧ хуудаснаас ⟦📖⟧

= el Grek
Καλημέρα σας!
Πώς είστε σήμερα;
Η γιαγιά μου διαβάζει ένα παλιό βιβλίο.

Γράψτε στο ⟦voitheia@paradeigma.gr⟧, παρακαλώ.
Γεια σου, ⟦{όνομα}⟧! Έχεις ⟦%d⟧ μηνύματα ⟦💌⟧.

= hy Armn
Բարի լույս։
Ինչպե՞ս եք այսօր։
Տատիկս կարդում է մի հին գիրք։

Գրեք ⟦ognutyun@orinak.am⟧ հասցեով։
Բարև, ⟦{անուն}⟧։ Տես՝ ⟦https://orinak.am/գիրք⟧

= ka Geor
დილა მშვიდობისა!
როგორ ბრძანდებით დღეს?
ბებიაჩემი ძველ წიგნს კითხულობს.

მოგვწერეთ მისამართზე ⟦daxmareba@magaliti.ge⟧, გთხოვთ.
გამარჯობა, ⟦{სახელი}⟧! იხილეთ ⟦https://magaliti.ge/წიგნი⟧ ⟦📚⟧

= ar Arab
صباح الخير!
كيف حالك اليوم؟
أكتب رسالةً إلى جدتي، وهي تسكن في دمشق.
عندي ١٢٣ كتابًا قديمًا.

راسلونا على ⟦musaada@mithal.com⟧ من فضلكم.
مرحبًا ⟦{اسم}⟧، لديك ⟦%d⟧ رسائل ⟦📩⟧
تابعوا ⟦#اللغة_العربية⟧ على ⟦https://mithal.com/كتب⟧

= fa Arab
صبح به‌خیر!
امروز حال شما چطور است؟
مادربزرگم کتاب‌های قدیمی را می‌خواند.
قیمت آن ۱۲۳ تومان است.

پرسش‌هایتان را به ⟦komak@mesal.ir⟧ بفرستید.
سلام ⟦{نام}⟧، به ⟦https://mesal.ir/کتاب⟧ سر بزنید ⟦🌹⟧
دنبال کنید: ⟦#کتاب‌خوانی⟧

= ur Arab
صبح بخیر۔
آج آپ کیسے ہیں؟
میری دادی پرانی کتاب پڑھ رہی ہیں۔

براہِ کرم ⟦madad@misal.pk⟧ پر لکھیں۔
خوش آمدید ⟦{نام}⟧، آپ کے ⟦%s⟧ پیغامات ہیں۔

= ckb Arab
بەیانیت باش!
ئەمڕۆ چۆنی؟
داپیرم کتێبێکی کۆن دەخوێنێتەوە.

تکایە بۆ ⟦yarmeti@nmune.krd⟧ بنووسە.
سڵاو ⟦{ناو}⟧، سەردانی ⟦https://nmune.krd/کتێب⟧ بکە.

= ug Arab
خەيرلىك ئەتىگەن!
بۈگۈن قانداق ئەھۋالىڭىز؟
مومام كونا كىتاب ئوقۇۋاتىدۇ.

⟦yardem@misal.cn⟧ غا خەت يېزىڭ.
سالام ⟦{ئىسىم}⟧، ⟦%d⟧ ئۇچۇر بار.

= ps Arab
سهار مو پخیر!
نن څنګه یاست؟
زما انا یو زوړ کتاب لولي.

مهرباني وکړئ ⟦mrasta@belga.af⟧ ته ولیکئ.
سلام ⟦{نوم}⟧، دلته وګورئ: ⟦https://belga.af/کتاب⟧

= he Hebr
בֹּקֶר טוֹב!
מה שלומך היום?
סבתא שלי קוראת ספר ישן בת״א.

כתבו אל ⟦ezra@dugma.co.il⟧ בבקשה.
שלום ⟦{שם}⟧, יש לך ⟦%d⟧ הודעות ⟦✡️⟧

= yi Hebr
גוט מאָרגן!
װאָס מאַכט איר הײַנט?
מײַן באָבע לײענט אַן אַלטן ספֿר.

שרײַבט צו ⟦hilf@bayshpil.org⟧, זײַט אַזױ גוט.
שלום־עליכם, ⟦{נאָמען}⟧! זעט ⟦https://bayshpil.org/ייִדיש⟧

= syr Syrc
ܨܦܪܐ ܛܒܐ܂
ܐܝܟܢܐ ܐܝܬܝܟ ܝܘܡܢܐ؟
ܐܢܐ ܩܪܐ ܐܢܐ ܟܬܒܐ ܥܬܝܩܐ܀

ܟܬܘܒ ܠܘܬ ⟦help@example.org⟧ ܬܘܕܝ܂
ܫܠܳܡܳܐ ⟦{ܫܡܐ}⟧ ⟦https://example.org/ܟܬܒܐ⟧

= dv Thaa
ބާއްޖަވެރި ހެނދުނެއް!
މިއަދު ހާލު ކިހިނެއް؟
މަންމަ ކިޔަނީ މުސްކުޅި ފޮތެކެވެ.

⟦ehee@misaal.mv⟧ އަށް ލިޔުއްވާ.
މަރުޙަބާ ⟦{ނަން}⟧، ⟦https://misaal.mv/ފޮތް⟧ ބައްލަވާ.

= nqo Nkoo
ߌ ߣߌ ߗߋ߫߹
ߌ ߞߊ߬ ߞߍߣߍ߫؟
ߒߞߏ ߦߋ߫ ߛߓߍߛߎ߲ ߠߋ߬ ߘߌ߫.

ߌ ߣߌ ߗߋ߫ ⟦{ߕߐ߮}⟧߸ ⟦%d⟧ ߦߋ߫ ߦߋ߲߬.
ߒߞߏ ߦߋ߫ ⟦https://example.gn/ߒߞߏ⟧ ߟߊ߫߹

= ff-Adlm Adlm
𞤔𞤢𞤪𞤢𞤥𞤢!
𞥟𞤔𞤢𞤥 𞤱𞤢𞤤𞤭؟
𞤔𞤢𞤥 𞤼𞤢𞤲⹁ 𞤔𞤢𞤪𞤢𞤥𞤢 𞥑𞥒.

𞤔𞤢𞤪𞤢𞤥𞤢 ⟦{𞤭𞤲𞥋𞤣𞤫}⟧! ⟦https://example.gn/𞤨𞤵𞤤𞤢𞤪⟧
𞤔𞤢𞤥 𞤼𞤢𞤲 ⟦%s⟧ ⟦🙏🏿⟧.

= hi Deva
सुप्रभात!
आज आप कैसे हैं?
मेरी दादी पुरानी किताब पढ़ रही हैं।
मेरे पास १२३ किताबें हैं।

कृपया ⟦madad@udaharan.in⟧ पर लिखें।
नमस्ते ⟦{नाम}⟧, आपके ⟦%d⟧ संदेश हैं ⟦🙏⟧।
⟦#हिन्दी⟧ सीखने के लिए ⟦https://udaharan.in/हिन्दी⟧ देखें।

= mr Deva
शुभ सकाळ!
आज तुम्ही कसे आहात?
माझी आजी जुने पुस्तक वाचत आहे.
वाऱ्‍यावर पान उडाले.

कृपया ⟦madat@udaharan.in⟧ येथे लिहा.
नमस्कार ⟦{नाव}⟧, ⟦https://udaharan.in/मराठी⟧ पहा.

= ne Deva
शुभ प्रभात!
आज तपाईंलाई कस्तो छ?
मेरी हजुरआमा पुरानो किताब पढ्दै हुनुहुन्छ।

कृपया ⟦sahayog@udaharan.np⟧ मा लेख्नुहोस्।
नमस्ते ⟦{नाम}⟧, ⟦%s⟧ वटा सन्देश छन्।

= bn Beng
সুপ্রভাত!
আজ আপনি কেমন আছেন?
আমার দাদি একটি পুরোনো বই পড়ছেন।
র‍্যাকে ১২৩টি বই আছে।

দয়া করে ⟦sahajjo@udaharon.bd⟧ ঠিকানায় লিখুন।
নমস্কার ⟦{নাম}⟧, ⟦https://udaharon.bd/বাংলা⟧ দেখুন ⟦🌸⟧।

= as Beng
সুপ্ৰভাত!
আজি আপুনি কেনে আছে?
মোৰ আইতাই এখন পুৰণি কিতাপ পঢ়ি আছে।

অনুগ্ৰহ কৰি ⟦sahay@udaharan.in⟧ লৈ লিখক।
নমস্কাৰ ⟦{নাম}⟧, ⟦%d⟧টা বাৰ্তা আছে।

= pa Guru
ਸਤ ਸ੍ਰੀ ਅਕਾਲ।
ਅੱਜ ਤੁਸੀਂ ਕਿਵੇਂ ਹੋ?
ਮੇਰੀ ਦਾਦੀ ਪੁਰਾਣੀ ਕਿਤਾਬ ਪੜ੍ਹ ਰਹੀ ਹੈ।

ਕਿਰਪਾ ਕਰਕੇ ⟦madad@misal.in⟧ 'ਤੇ ਲਿਖੋ।
ਜੀ ਆਇਆਂ ਨੂੰ, ⟦{ਨਾਂ}⟧! ⟦https://misal.in/ਪੰਜਾਬੀ⟧ ਵੇਖੋ।

= gu Gujr
સુપ્રભાત!
આજે તમે કેમ છો?
મારી દાદી જૂનું પુસ્તક વાંચે છે.

કૃપા કરીને ⟦madad@udaharan.in⟧ પર લખો.
નમસ્તે ⟦{નામ}⟧, તમારા ⟦%d⟧ સંદેશા છે.

= or Orya
ଶୁଭ ସକାଳ!
ଆଜି ଆପଣ କେମିତି ଅଛନ୍ତି?
ମୋ ଜେଜେମା ଗୋଟିଏ ପୁରୁଣା ବହି ପଢ଼ୁଛନ୍ତି।

ଦୟାକରି ⟦sahajya@udaharan.in⟧ କୁ ଲେଖନ୍ତୁ।
ନମସ୍କାର ⟦{ନାମ}⟧, ⟦https://udaharan.in/ଓଡ଼ିଆ⟧ ଦେଖନ୍ତୁ।

= ta Taml
காலை வணக்கம்!
இன்று நீங்கள் எப்படி இருக்கிறீர்கள்?
என் பாட்டி பழைய புத்தகம் படிக்கிறார்.

⟦udhavi@udharanam.in⟧ என்ற முகவரிக்கு எழுதுங்கள்.
வணக்கம் ⟦{பெயர்}⟧, ⟦%d⟧ செய்திகள் உள்ளன ⟦📨⟧.

= te Telu
శుభోదయం!
ఈ రోజు మీరు ఎలా ఉన్నారు?
మా అమ్మమ్మ పాత పుస్తకం చదువుతోంది.

దయచేసి ⟦sahayam@udaharana.in⟧ కు రాయండి.
నమస్కారం ⟦{పేరు}⟧, ⟦https://udaharana.in/తెలుగు⟧ చూడండి.

= kn Knda
ಶುಭೋದಯ!
ಇಂದು ನೀವು ಹೇಗಿದ್ದೀರಿ?
ನನ್ನ ಅಜ್ಜಿ ಹಳೆಯ ಪುಸ್ತಕ ಓದುತ್ತಿದ್ದಾರೆ.
ಸರ್ವರ್‌ನಲ್ಲಿ ೧೨೩ ಪುಸ್ತಕಗಳಿವೆ.

ದಯವಿಟ್ಟು ⟦sahaya@udaharane.in⟧ ಗೆ ಬರೆಯಿರಿ.
ನಮಸ್ಕಾರ ⟦{ಹೆಸರು}⟧, ⟦%s⟧ ಸಂದೇಶಗಳಿವೆ.

= ml Mlym
സുപ്രഭാതം!
ഇന്ന് നിങ്ങൾക്ക് സുഖമാണോ?
എന്റെ മുത്തശ്ശി ഒരു പഴയ പുസ്തകം വായിക്കുന്നു.

ദയവായി ⟦sahayam@udaharanam.in⟧ എന്ന വിലാസത്തിൽ എഴുതുക.
നമസ്കാരം ⟦{പേര്}⟧, ⟦https://udaharanam.in/മലയാളം⟧ കാണുക.

= si Sinh
සුබ උදෑසනක්!
අද ඔබට කොහොමද?
මගේ ආච්චි ශ්‍රී ලංකාව ගැන පොතක් කියවනවා.

කරුණාකර ⟦udaw@udaharana.lk⟧ වෙත ලියන්න.
ආයුබෝවන් ⟦{නම}⟧, පණිවිඩ ⟦%d⟧ක් ඇත.

= sat Olck
ᱡᱚᱦᱟᱨ᱾
ᱪᱮᱫ ᱞᱮᱠᱟ ᱢᱮᱱᱟᱢᱟ?
ᱟᱹᱰᱤ ᱥᱟᱨᱦᱟᱣ᱾

ᱡᱚᱦᱟᱨ ⟦{ᱧᱩᱛᱩᱢ}⟧, ᱟᱹᱰᱤ ᱥᱟᱨᱦᱟᱣ᱾
ᱡᱚᱦᱟᱨ! ⟦https://example.in/ᱥᱟᱱᱛᱟᱲᱤ⟧ ⟦%d⟧᱾

= th Thai unmarked
สวัสดีตอนเช้า
วันนี้คุณสบายดีไหม
คุณยายของฉันดื่มน้ำและอ่านหนังสือเก่า ๆ
ฉันมีหนังสือ ๑๒๓ เล่ม

กรุณาเขียนถึง⟦chuai@tuayang.th⟧หากมีคำถาม
สวัสดี⟦{ชื่อ}⟧คุณมี⟦%d⟧ข้อความ⟦😊⟧
ดูที่⟦https://tuayang.th/a?b=1⟧ได้เลย

= lo Laoo unmarked
ສະບາຍດີຕອນເຊົ້າ
ມື້ນີ້ເຈົ້າສະບາຍດີບໍ
ແມ່ຕູ້ຂອງຂ້ອຍດື່ມນ້ຳແລະອ່ານປຶ້ມເກົ່າ

ກະລຸນາຂຽນຫາ⟦suay@tuayang.la⟧ຖ້າມີຄຳຖາມ
ສະບາຍດີ⟦{ຊື່}⟧ມີ⟦%s⟧ຂໍ້ຄວາມ⟦🙏⟧

= km Khmr
អរុណសួស្តី។
ថ្ងៃនេះអ្នកសុខសប្បាយទេ?
ជីដូនរបស់ខ្ញុំ\u200bកំពុងអានសៀវភៅចាស់១២៣ក្បាល។

សូមសរសេរទៅ⟦jumnuoy@utahor.kh⟧ប្រសិនបើមានសំណួរ។
សួស្តី⟦{ឈ្មោះ}⟧ សូមមើល⟦https://utahor.kh/a⟧។

= my Mymr joined
မင်္ဂလာနံနက်ခင်းပါ။
ဒီနေ့ နေကောင်းလား။
အဘွားက စာအုပ်ဟောင်း ၁၂၃ အုပ်ကို ဖတ်နေတယ်။

မေးစရာရှိရင်⟦akuanyi@upama.mm⟧ကို စာရေးပါ။
မင်္ဂလာပါ⟦{အမည်}⟧၊ ⟦%d⟧စောင်ရှိတယ်။

= bo Tibt
བཀྲ་ཤིས་བདེ་ལེགས།
ཁྱེད་རང་སྐུ་གཟུགས་བདེ་པོ་ཡིན་པས།
ང་དེབ་རྙིང་པ་༡༢༣ཀློག་གི་ཡོད།

⟦rogs@dpe.org⟧ལ་ཡི་གེ་གཏོང་རོགས།
བཀྲ་ཤིས་བདེ་ལེགས་⟦{མིང}⟧ ⟦https://dpe.org/a⟧ལ་གཟིགས་རོགས།

= dz Tibt
སྐུ་གཟུགས་བཟང་པོ་ལགས།
ཁྱོད་ག་དེ་སྦེ་ཡོད།
ང་གིས་དཔེ་ཆ་ལྷག་དོ།

⟦chorog@dpe.bt⟧ལུ་ཡིག་འབྲི་གནང་།
བཀྲིན་ཆེ་⟦{མིང}⟧།

= ja Hira joined
おはようございます。
今日のご機嫌はいかがですか？
祖母はソファーで古い本を３冊読んでいます。

ご質問は⟦tasuke@rei.jp⟧までお送りください。
ようこそ、⟦{名前}⟧さん。⟦%d⟧件のお知らせがあります⟦📬⟧
詳しくは⟦https://rei.jp/a?b=1⟧をご覧ください。

= zh-Hans Hani joined
早上好！
你今天好吗？
我的奶奶正在读一本关于长城的旧书。

如有问题，请写信到⟦bangzhu@lizi.cn⟧询问。
你好，⟦{名字}⟧！你有⟦%d⟧条新消息⟦😀⟧。
请访问⟦https://lizi.cn/a?b=1&c=2⟧了解更多。

= zh-Hant Hani joined
早安！
你今天好嗎？
我的奶奶正在讀一本關於長城的舊書。

如有問題，請寫信到⟦bangzhu@lizi.tw⟧詢問。
歡迎，⟦%s⟧！請點選⟦<b>⟧這裡⟦</b>⟧。

= ko Hang
좋은 아침입니다!
오늘 기분이 어떠세요?
할머니께서 학교에서 낡은 책을 읽고 계십니다.

궁금한 점은 ⟦doum@yesi.kr⟧로 보내 주세요.
⟦{이름}⟧님, 메시지 ⟦%d⟧개가 있습니다 ⟦🇰🇷⟧.

= am Ethi
እንደምን አደሩ፧
ዛሬ እንዴት ነህ?
አያቴ ያረጀ መጽሐፍ እያነበበች ነው።

እባክዎ ወደ ⟦irdata@misale.et⟧ ይጻፉ።
ሰላም ⟦{ስም}⟧፣ ⟦https://misale.et/አማርኛ⟧ ይመልከቱ ⟦📗⟧።

= ti Ethi
ከመይ ሓዲርኩም፧
ሎሚ ከመይ ኣለኻ?
ዓባየይ ኣረጊት መጽሓፍ ተንብብ ኣላ።

በጃኹም ናብ ⟦hagez@misale.er⟧ ጽሓፉ።
ሰላም ⟦{ስም}⟧፣ ⟦%d⟧ መልእኽቲ ኣሎ።

= zgh Tfng
ⴰⵣⵓⵍ ⴼⵍⵍⴰⵡⵏ!
ⵎⴰⵏⵣⴰⴽⵉⵏ ⴰⵙⵙⴰ?
ⵜⴰⵎⴰⵣⵉⵖⵜ ⵜⴳⴰ ⵜⵓⵜⵍⴰⵢⵜ.

ⴰⵣⵓⵍ ⟦{ⵉⵙⵎ}⟧, ⵜⴰⵏⵎⵎⵉⵔⵜ ⟦👋⟧.
ⵜⴰⵎⴰⵣⵉⵖⵜ: ⟦https://example.ma/ⵜⴰⵎⴰⵣⵉⵖⵜ⟧

= chr Cher
ᎣᏏᏲ!
ᏙᎯᏧ ᎪᎯ ᎢᎦ?
ᎣᏍᏓ, ᏩᏙ.

ᎣᏏᏲ, ⟦{ᏚᏙᎥ}⟧! ᏩᏙ ⟦👍🏽⟧.
ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ: ⟦https://example.org/ᏣᎳᎩ⟧

= mvf Mong
ᠰᠠᠶᠢᠨ ᠪᠠᠶᠢᠨ\u180eᠠ ᠤᠤ?
ᠲᠠ ᠶᠠᠭᠤ ᠬᠢᠵᠦ ᠪᠠᠶᠢᠨ\u180eᠠ?
ᠪᠢ ᠨᠣᠮ\u202fᠤᠨ ᠰᠠᠩ\u202fᠳᠤ ᠨᠣᠮ ᠤᠩᠰᠢᠨ\u180eᠠ᠃

ᠰᠠᠶᠢᠨ ᠤᠤ᠂ ⟦{ᠨᠡᠷ\u180eᠡ}⟧᠃
ᠨᠣᠮ ⟦%d⟧ ⟦https://example.mn/a⟧᠃

= iu Cans
ᐊᐃ!
ᖃᓄᐃᑉᐱᑦ ᐅᓪᓗᒥ?
ᖃᓄᐃᙱᑦᑐᖓ, ᖁᔭᓐᓇᒦᒃ.

ᐊᐃ, ⟦{ᐊᑎᖅ}⟧! ᖁᔭᓐᓇᒦᒃ ⟦❄️⟧.
ᐃᓄᒃᑎᑐᑦ: ⟦https://example.ca/ᐃᓄᒃᑎᑐᑦ⟧
"""
_PROTECTED = re.compile("⟦(.*?)⟧")


@dataclass(frozen=True)
class Sample:
    """Text of one language.

    Attributes:
        script: ISO 15924; of Japanese, that of most letters.
        sentences: the first is a greeting, and the second asks how the reader is.
        marked: lines with their protected parts between brackets.
        gap: what stands between two sentences.
        has_ends: sentences end with marks, not just with a space.
    """

    language: str
    script: str
    sentences: tuple[str, ...]
    marked: tuple[str, ...]
    gap: str = " "
    has_ends: bool = True

    @classmethod
    def read(cls, text: str) -> Sample:
        """A sample as it stands above."""
        head, rest = text.split("\n", 1)
        sentences, marked = rest.strip("\n").split("\n\n")
        language, script, *kind = head.split()
        gap = "" if "joined" in kind else " "
        return cls(
            language,
            script,
            tuple(sentences.split("\n")),
            tuple(marked.split("\n")),
            gap,
            "unmarked" not in kind,
        )

    @property
    def paragraph(self) -> str:
        return self.gap.join(self.sentences)

    @cached_property
    def lines(self) -> list[str]:
        """Every sentence, the paragraph, and the lines with protected parts."""
        return [*self.sentences, self.paragraph, *(line for line, _ in self.shielded)]

    @cached_property
    def shielded(self) -> list[tuple[str, list[str]]]:
        """Lines with their protected parts."""
        return [(_PROTECTED.sub(r"\1", line), _PROTECTED.findall(line)) for line in self.marked]


SAMPLES = [Sample.read(text) for text in ("\n" + _TEXT).split("\n= ")[1:]]
LINES = [line for sample in SAMPLES for line in sample.lines]
