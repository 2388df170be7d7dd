//! The names of time zones in US English.

/// Minutes east of Greenwich, and the names that stand for them today, between bars. Of names that
/// several zones have, it is the zone that Java finds.
pub(super) const ZONES: &[(i64, &str)] = &[
    (-660, "NUT|SST|Niue Time|Samoa Standard Time"),
    (
        -600,
        "CKT|HAST|HST|TAHT|Cook Islands Standard Time|Hawaii Standard Time|\
         Hawaii-Aleutian Standard Time|Tahiti Time",
    ),
    (-570, "MART|Marquesas Time"),
    (-540, "AKST|GAMT|HADT|Alaska Standard Time|Gambier Time"),
    (
        -480,
        "AKDT|PST|Alaska Daylight Time|Northwest Mexico Standard Time|Pacific Standard Time|\
         Pitcairn Time",
    ),
    (
        -420,
        "MST|PDT|Mexican Pacific Standard Time|Mountain Standard Time|\
         Northwest Mexico Daylight Time|Pacific Daylight Time",
    ),
    (
        -360,
        "CST|GALT|MDT|Central Standard Time|Easter Island Standard Time|Galapagos Time|\
         Mountain Daylight Time",
    ),
    (
        -300,
        "ACT|CDT|COT|EASST|ECT|EST|PET|Acre Standard Time|Central Daylight Time|\
         Colombia Standard Time|Cuba Standard Time|Easter Island Summer Time|\
         Eastern Standard Time|Ecuador Time|Peru Standard Time",
    ),
    (
        -240,
        "AST|BOT|CLT|EDT|GYT|VET|Amazon Standard Time|Atlantic Standard Time|Bolivia Time|\
         Chile Standard Time|Cuba Daylight Time|Eastern Daylight Time|Guyana Time|\
         Venezuela Time",
    ),
    (-210, "NST|Newfoundland Standard Time"),
    (
        -180,
        "ADT|ART|BRT|CLST|FKT|GFT|GMT-03:00|PMST|PYT|ROTT|SRT|UYT|Argentina Standard Time|\
         Argentine Time|Atlantic Daylight Time|Brasilia Standard Time|Chile Summer Time|\
         Chile Time|Falkland Islands Standard Time|French Guiana Time|Paraguay Standard Time|\
         Punta Arenas Standard Time|Rothera Time|St. Pierre & Miquelon Standard Time|\
         Suriname Time|Uruguay Standard Time",
    ),
    (-150, "NDT|Newfoundland Daylight Time"),
    (
        -120,
        "EGT|FNT|PMDT|WGT|East Greenland Standard Time|Fernando de Noronha Standard Time|\
         South Georgia Time|St. Pierre & Miquelon Daylight Time|West Greenland Standard Time",
    ),
    (
        -60,
        "AZOT|CVT|EGST|WGST|Azores Standard Time|Cape Verde Standard Time|\
         East Greenland Summer Time|West Greenland Summer Time",
    ),
    (
        0,
        "AZOST|UTC|WET|Azores Summer Time|Coordinated Universal Time|Greenwich Mean Time|\
         Western European Standard Time|Western European Time",
    ),
    (
        60,
        "BST|CET|MET|WAT|WEST|British Summer Time|Central European Standard Time|\
         Central European Time|Irish Standard Time|Middle Europe Time|\
         West Africa Standard Time|Western European Summer Time",
    ),
    (
        120,
        "CAT|CEST|EET|IST|MEST|SAST|Central Africa Time|Central European Summer Time|\
         Eastern European Standard Time|Eastern European Time|Israel Standard Time|\
         Middle Europe Summer Time|South Africa Standard Time",
    ),
    (
        180,
        "EAT|EEST|IDT|MSK|SYOT|TRT|Arabian Standard Time|East Africa Time|\
         Eastern European Summer Time|Israel Daylight Time|Moscow Standard Time|Syowa Time|\
         Turkey Time|Volgograd Standard Time",
    ),
    (210, "IRST|Iran Standard Time"),
    (
        240,
        "AMT|AZT|GET|GMT+04:00|GST|MUT|RET|SAMT|SCT|Armenia Standard Time|\
         Astrakhan Standard Time|Azerbaijan Standard Time|Georgia Standard Time|\
         Gulf Standard Time|Mauritius Standard Time|Samara Standard Time|\
         Saratov Standard Time|Seychelles Time|Ulyanovsk Standard Time",
    ),
    (270, "AFT|Afghanistan Time"),
    (
        300,
        "ALMT|AQTT|GMT+05:00|MAWT|MVT|ORAT|PKT|QOST|QYZT|TFT|TJT|TMT|UZT|VOST|YEKT|\
         East Kazakhstan Time|French Southern & Antarctic Time|Maldives Time|Mawson Time|\
         Pakistan Standard Time|Tajikistan Time|Turkmenistan Standard Time|\
         Uzbekistan Standard Time|Vostok Time|West Kazakhstan Time|\
         Yekaterinburg Standard Time",
    ),
    (330, "India Standard Time"),
    (345, "NPT|Nepal Time"),
    (
        360,
        "BDT|BTT|IOT|KGT|OMST|XJT|Bangladesh Standard Time|Bhutan Time|Indian Ocean Time|\
         Kyrgyzstan Time|Omsk Standard Time|Xinjiang Standard Time",
    ),
    (390, "CCT|MMT|Cocos Islands Time|Myanmar Time"),
    (
        420,
        "CXT|DAVT|GMT+07:00|HOVT|ICT|KRAT|NOVT|WIB|Barnaul Standard Time|\
         Christmas Island Time|Davis Time|Hovd Standard Time|Indochina Time|\
         Krasnoyarsk Standard Time|Novosibirsk Standard Time|Tomsk Standard Time|\
         Western Indonesia Time",
    ),
    (
        480,
        "AWST|BNT|CHOT|HKT|IRKT|MYT|SGT|ULAT|WITA|Australian Western Standard Time|\
         Brunei Darussalam Time|Casey Time|Central Indonesia Time|China Standard Time|\
         Hong Kong Standard Time|Irkutsk Standard Time|Malaysia Time|\
         Philippine Standard Time|Singapore Standard Time|Taipei Standard Time|\
         Ulaanbaatar Standard Time",
    ),
    (525, "ACWST|Australian Central Western Standard Time"),
    (
        540,
        "JST|KST|PWT|TLT|WIT|YAKT|East Timor Time|Eastern Indonesia Time|Japan Standard Time|\
         Korean Standard Time|Palau Time|Yakutsk Standard Time",
    ),
    (570, "ACST|Australian Central Standard Time"),
    (
        600,
        "AEST|CHUT|ChST|DDUT|PGT|VLAT|Australian Eastern Standard Time|\
         Chamorro Standard Time|Chuuk Time|Papua New Guinea Time|Vladivostok Standard Time",
    ),
    (630, "LHST|Lord Howe Standard Time"),
    (
        660,
        "AEDT|KOST|LHDT|MAGT|NCT|NFT|PONT|SAKT|SBT|SRET|VUT|Australian Eastern Daylight Time|\
         Bougainville Standard Time|Kosrae Time|Lord Howe Daylight Time|\
         Magadan Standard Time|New Caledonia Standard Time|Norfolk Island Standard Time|\
         Ponape Time|Sakhalin Standard Time|Solomon Islands Time|Srednekolymsk Time|\
         Vanuatu Standard Time",
    ),
    (
        720,
        "ANAT|FJT|GILT|MHT|NFST|NRT|NZST|PETT|TVT|WAKT|WFT|Anadyr Standard Time|\
         Fiji Standard Time|Gilbert Islands Time|Marshall Islands Time|Nauru Time|\
         New Zealand Standard Time|Norfolk Island Daylight Time|\
         Petropavlovsk-Kamchatski Standard Time|Tuvalu Time|Wake Island Time|\
         Wallis & Futuna Time",
    ),
    (765, "CHAST|Chatham Standard Time"),
    (
        780,
        "GMT+13:00|NZDT|PHOT|TKT|TOT|WSST|Apia Standard Time|Kanton Standard Time|\
         New Zealand Daylight Time|Phoenix Islands Time|Tokelau Time|Tonga Standard Time",
    ),
    (825, "CHADT|Chatham Daylight Time"),
    (840, "LINT|Line Islands Time"),
];
