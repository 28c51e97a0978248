"""Words of the TPC-DS data: the values that its queries look for, among others."""

CATEGORIES = ("Women", "Men", "Children", "Shoes", "Music", "Jewelry", "Home", "Sports", "Books", "Electronics")
# Ten classes per category, in the order of CATEGORIES.
CLASSES = (
    ("dresses", "fragrances", "maternity", "swimwear"),
    ("accessories", "pants", "shirts", "sports-apparel"),
    ("infants", "newborn", "school-uniforms", "toddlers"),
    ("athletic", "kids", "mens", "womens"),
    ("classical", "country", "pop", "rock"),
    ("birdal", "diamonds", "estate", "pendants"),
    ("bedding", "decor", "paint", "wallpaper"),
    ("camping", "fitness", "fishing", "golf"),
    ("reference", "self-help", "fiction", "travel"),
    ("personal", "portable", "televisions", "wireless"),
)
BRANDS = (
    "amalgimporto #1", "edu packscholar #1", "exportiimporto #1", "importoamalg #1", "scholaramalgamalg #14",
    "scholaramalgamalg #7", "exportiunivamalg #9", "scholaramalgamalg #9", "corpbrand #3", "brandunivamalg #2",
)  # fmt: skip
COLORS = (
    "dim", "green", "navajo", "aquamarine", "indian", "dark", "peach", "purple", "orchid", "peru", "violet", "papaya",
    "drab", "grey", "chocolate", "antique", "cyan", "blush", "frosted", "powder", "orange", "firebrick", "rosy",
    "white",
)  # fmt: skip
UNITS = (
    "Gross", "Dozen", "Case", "Unknown", "Oz", "Lb", "Tbl", "Bunch", "Carton", "Cup", "Ounce", "Box", "Each", "N/A",
    "Dram", "Gram",
)  # fmt: skip
SIZES = ("economy", "petite", "large", "N/A", "extra large", "small", "medium")
SYLLABLES = ("ought", "able", "pri", "ese", "anti", "cally", "ation", "eing", "n st", "bar")
DESCRIPTIONS = (
    "Clear, wide children meet also new things", "Rights could not talk. Hot, local homes", "Young workers go there",
    "Prices ought to change so; still, years", "Ever only forms may stay", "Small parties believe, as usual,",
)  # fmt: skip
STATES = ("TN", "GA", "TX", "CA", "IA", "KS", "NE", "IN", "MT", "OK", "IL", "KY", "VA", "CO", "WA", "MN")
CITIES = ("Midway", "Fairview", "Green Acres", "Oak Grove", "Pleasant Hill", "Centerville", "Liberty", "Salem")
COUNTIES = (
    "Williamson County", "Lycoming County", "Sheridan County", "Kandiyohi County", "Pike County", "Greene County",
    "Walker County", "Ziebach County",
)  # fmt: skip
STREETS = ("Main", "Oak", "Park", "Elm", "Hill 2nd", "Lake", "Cedar", "First")
STREET_TYPES = ("Street", "Ave", "Boulevard", "Ct.", "Lane", "Way")
ZIPS = (
    "24128", "76232", "65084", "87816", "83926", "77556", "20548", "26231", "43848", "15126", "85669", "86197",
    "88274", "83405", "86475", "85392", "85460", "80348", "81792", "35709",
)  # fmt: skip
COUNTRIES = ("UNITED STATES", "CÔTE D'IVOIRE", "JAPAN", "CHILE", "TOGO", "ICELAND", "NEPAL", "MALTA", "RÉUNION", "PERU")
FIRST_NAMES = ("James", "Mary", "Robert", "Linda", "Javier", "Amy", "Latisha", "Paul", "Zoë", "Igor", "Ruth", "Ken")
LAST_NAMES = ("Lewis", "Moses", "Hamilton", "White", "Farias", "Tate", "Müller", "Brooks", "Nelson", "Ortiz", "Bell")
SALUTATIONS = ("Mr.", "Mrs.", "Ms.", "Miss", "Sir", "Dr.")
EDUCATION = ("Primary", "Secondary", "College", "2 yr Degree", "4 yr Degree", "Advanced Degree", "Unknown")
MARITAL = ("M", "S", "D", "W", "U")
CREDIT = ("Good", "High Risk", "Low Risk", "Unknown")
BUY_POTENTIAL = ("0-500", "501-1000", "1001-5000", "5001-10000", ">10000", "Unknown")
CARRIERS = ("UPS", "FEDEX", "AIRBORNE", "USPS", "DHL", "TBS", "ZHOU", "ZOUROS", "MSC", "LATVIAN")
SHIPPING = ("EXPRESS", "NEXT DAY", "OVERNIGHT", "REGULAR", "TWO DAY", "LIBRARY")
MANAGERS = ("Bob Belcher", "Mark Hightower", "Larry Mccray", "Felipe Perkins", "Keith Cunningham")
DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
