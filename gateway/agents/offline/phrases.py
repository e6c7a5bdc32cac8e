"""The sentences the assistant understands, as patterns. White space is single, the end mark is gone."""

from typing import Final

_MINE: Final = r"(?:(?:all|my|our|the|your) )*"
_SHOW: Final = r"(?:(?:list|show|give|tell) (?:me )?(?:about )?|what are |which )?"
_ABOUT: Final = r"(?:describe|show me|tell me about|what about|find) (?:the |my )?"

HELP: Final = r"/?help(?: me)?|\?|what can (?:you|i) (?:do|say|ask)(?: here| offline)?|commands"

GREETING: Final = r"(?:hi|hello|hey|hallo|good (?:morning|afternoon|evening|day))(?: there| again)?"

THANKS: Final = r"(?:many )?thanks?(?: you| a lot| so much)?(?: very much)?|cheers|great|perfect"

BYE: Final = r"(?:bye|goodbye|see you|good night)(?: later| soon)?"

IDENTITY: Final = (
    r"(?:who|what) are you|what(?:'s| is) your name|"
    r"are you (?:an? )?(?:ai|bot|human|robot|llm|model|chatgpt|there)"
)

MODEL: Final = (
    r"(?:which|what) models?(?: are you| do you use| is (?:this|used))?|"
    r"(?:how (?:do|can) i )?(?:configure|connect|add|set ?up|use|install) "
    r"(?:a|an|the|another) (?:model|llm|provider)"
)

STATUS: Final = (
    r"(?:gateway |system )?(?:status|health)|uptime|how are (?:you|things)(?: doing| going)?|"
    r"are you ok(?:ay)?|is everything (?:ok(?:ay)?|all right|fine|working)|"
    r"how is (?:it|everything)(?: going)?"
)

PRESENCE: Final = (
    r"who(?:'s| is| else is)?(?: all)? (?:here|there|connected|online|around)(?: right)?(?: now)?|presence|"
    rf"{_SHOW}{_MINE}(?:connections|connected clients|clients)(?: are connected)?"
)

SHOW_DEVICES: Final = (
    r"show (?:me )?(?:(?:all|my|our|the|your) )+(?:paired )?devices(?: on (?:the|my|a) canvas)?"
)

CHECKLIST: Final = (
    r"(?:make|show|create|start|write)(?: me)? (?:a |an |the |my )?"
    r"(?:(?P<title>[^:]{1,60}?) )?(?:check ?list|to-?do list|shopping list)"
    r"(?: (?:with|of|for))? ?:? ?(?P<items>.+)"
)

CANVAS_ACTION: Final = (
    r"CANVAS_A2UI action=(?P<action>\S+) session=\S+ surface=(?P<surface>\S+) component=(?P<component>\S+)"
    r" host=\S+ instance=\S+(?: ctx=(?P<context>\{.*\}))? default=\S+"
)
"""What somebody did on a surface. Source: OpenClaw's nodes."""

DEVICES: Final = (
    rf"{_SHOW}{_MINE}(?:paired )?devices(?: do i have| are (?:there|paired|connected))?|"
    r"(?:how many|which|what) devices (?:do i have|are (?:there|paired|connected))"
)
DEVICE: Final = rf"{_ABOUT}device (?P<name>.+)"

NODES: Final = (
    rf"{_SHOW}{_MINE}(?:paired |connected )?nodes(?: do i have| are (?:there|connected))?|"
    r"(?:how many|which|what) nodes (?:do i have|are (?:there|connected))"
)
RUN: Final = r"run (?P<command>\S.*) on (?:the |my )?(?:node )?(?P<node>\S.{0,80})"
NOTIFY_ON: Final = r"notify me on (?:the |my )?(?:node )?(?P<node>[^:]{1,80}): ?(?P<text>\S.*)"
NOTIFY: Final = r"notify me(?: that\b|:)? (?P<text>\S.*)"

SESSIONS: Final = (
    rf"{_SHOW}{_MINE}(?:recent |latest |last )?(?:sessions|conversations|chats)(?: do i have| are there)?"
)
SESSION: Final = rf"{_ABOUT}(?:session|conversation|chat) (?:about )?(?P<name>.+)"

AGENTS: Final = rf"{_SHOW}{_MINE}agents(?: do i have| are there)?"

REMEMBER: Final = (
    r"(?:please )?(?:remember|note|keep in mind|make a note|write down|save|don['\u2019]?t forget)(?: this)?"
    r"(?: ?[:,]| that\b| the following ?:?)? ?(?P<text>(?<=[ :,])\S.*)"
)

MEMORIES: Final = (
    r"what do you (?:remember|know)(?: about me)?|"
    rf"{_SHOW}{_MINE}(?:memories|notes|reminders)|"
    r"what (?:have|did) (?:i|you) (?:told|tell|note|noted|save|saved)(?: you)?"
)

RECALL: Final = (
    r"(?:what|anything|everything|something)(?: else)?(?: (?:do|did|have|has|can))?(?: (?:you|i|we))?"
    r" (?:know|have|remember|recall|say|said|tell|told|note|noted|keep|kept)(?: you)?"
    r" (?:about|on|of|regarding) (?P<topic>.+)"
)
LOOK_UP: Final = (
    r"(?:do you (?:remember|recall|know)(?: anything about| something about)?|recall|look up|"
    r"search(?: (?:your|the|my))?(?: (?:memory|memories|notes))?(?: for| about)?|"
    r"find(?: in (?:memory|my notes))?|anything about|what about) (?P<topic>.+)"
)

FORGET_NUMBER: Final = (
    r"(?:forget|delete|remove)(?: (?:memory|note))?(?: number| no\.?)? ?#?(?P<number>\d{1,12})"
)
FORGET: Final = r"(?:forget|delete|remove)(?: the)?(?: (?:memory|note))?(?: (?:about|that|of))? (?P<topic>.+)"

TIME: Final = (
    r"(?:what(?:'s| is) the )?(?:current )?(?:time|date|day|date and time|time and date)(?: is it)?"
    r"(?: (?:now|today|please))?|what (?:time|day|date) is (?:it|today)(?: now| today)?|now|today"
)

CALCULATE: Final = r"(?:what(?:'s| is)|calculate|compute|how much is|work out) (?P<sum>[-\d(.].*)"

QUESTION: Final = r"\?\s*\Z|\A(?:who|whose|what|when|where|which|why|how|is|are|does|do|did|was|were)\b"
