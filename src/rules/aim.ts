// What a question wants, by its words: one of a few kinds, with what it names. Guesses, and is honest about the default.
import { trimEndSigns } from '../base/trim-signs.ts';
import { withoutExceptions } from './facts/exceptions.ts';
import { type AskedFact, factsIn, listFact, MENTION } from './facts/fact-aim.ts';
import { leftAwayBy } from './facts/left-away.ts';
import { type AnswerLanguage, languageOf } from './language.ts';
import { type Named, namesIn } from './names.ts';
import { subjectWords } from './words.ts';

export type AimKind =
  | 'ask'
  | 'read'
  | 'find'
  | 'list'
  | 'summarise'
  | 'run'
  | 'greet'
  | 'facts'
  | 'negation'
  | 'deed'
  | 'aside';

export interface Aim extends Named {
  readonly kind: AimKind;
  readonly language: AnswerLanguage;
  readonly question: string;
  /** Words that carry the subject, file names left out. */
  readonly subject: readonly string[];
  /** For `run`: the words of the command. */
  readonly argv: readonly string[];
  /** For `facts`: what is to be computed. */
  readonly facts: readonly AskedFact[];
  /** What it says to leave out and was not understood. */
  readonly excluded: readonly string[];
  /** Whether it refers back: "it", "that file", "and the ...?". */
  readonly refersBack: boolean;
}

/** Words before the verb of a request; taken off one by one, since a pattern that repeats them can take for ever. */
const POLITE =
  /^(?:(?:please|pls|kindly|now|then|ok(?:ay)?|hey|hi|hello|bowline)[,\s]+|(?:can|could|would|will) you |i(?:'d| would) like you to |i want (?:you )?to |let's |go and )/i;
const starts = (verbs: string): RegExp => new RegExp(`^(?:${verbs})`, 'i');
const RUN = starts(String.raw`(?:run|execute|exec)\s+(?:the\s+)?(?:command\s*:?\s+)?(?=\S)`);
const RUN_ZH = /^(?:请|帮我|麻烦|麻烦你|能不能|可以)*(?:运行|执行|跑一下|跑)(?:一下)?(?:命令)?\s*[:：]?\s*/;
/** What would change files; a summary is written, too, and "changed" is a fact. */
const DEED = starts(
  String.raw`(?:delete|remove|erase|trash|move|rename|overwrite|append|edit|rm|mv|cp|mkdir|copy(?! of\b)|create(?=\s.{0,60}\b(?:file|folder|note|directory)\b|\s\S{1,200}\.\w)|write\s.{0,200}\b(?:to|into)\b|(?:write|make|add|save|take)(?: me)? an? (?:[\w-]{1,30} )?(?:file|note|reminder|memo|todo)\b|(?:remind me|note down|jot down|set (?:an?|the) (?:alarm|timer|reminder))\b)\s+\S`,
);
const DEED_ZH =
  /^(?:请|帮我|麻烦你?|能不能|可以)*(?:把.{1,200}(?:删除|删掉|删了|移动?到|移到|重命名|改名|复制到|改成)|(?:删除|删掉|移动|重命名|改名|复制|新建|写入)(?!的|过|了).|(?:写|记|添加|新建|创建)(?:一)?[个条份篇](?:笔记|便条|备忘|提醒|待办|文件)|(?:记一下|记下来?|提醒我)(?!的|过|了).)/;
/** What has nothing to do with files: the clock, sums, small talk. Only a question that is nothing else. */
const ASIDE =
  /^(?:(?:what(?:'s| is)?|tell me) (?:the )?(?:current )?(?:day|date|time|year|month)(?: of the week)?(?: is it| is today| it is)?(?: today| now| right now)?|what(?:'s| is) today(?:'s date)?|how are you(?: today| doing)?|tell me a (?:joke|story)|who (?:made|created) you|what(?:'s| is) your name|(?:(?:what(?:'s| is)|how much is|calculate|compute)\s+)?[\d(][\d\s.,()]{0,60}(?:[-+*/x×÷^%]|plus|minus|times|divided by)[\d\s.,()+*/x×÷^%=-]{1,60}|(?:今天|现在|今日)(?:是)?(?:几号|几月几[号日]|星期几|周几|礼拜几|几点(?:钟|了)?|什么日子|什么时间|什么时候)|(?:现在)?几点(?:钟)?|(?:今天|现在)的?(?:日期|时间)(?:是什么)?|(?:给我)?讲个(?:笑话|故事)|你(?:好吗|叫什么(?:名字)?|怎么样)|[\d(（][\d\s.()（）]{0,60}(?:[-+*/x×÷^%]|加|减|乘以?|除以)[\d\s.()（）+*/×÷=-]{1,60}(?:等于|是)?(?:多少|几)?)(?:了|呢|啊)?[\s!.?？！。,，=]*$/i;
const GREET =
  /^(?:hi|hello|hey|thanks|thank you|help|who are you|what can you do|你好|您好|谢谢|帮助|你是谁|你能做什么|你会什么)[\s!.?？！。,，]*$/i;
const LIST = starts(
  String.raw`(?:list|ls|show (?:me )?(?:all |the |all the )?(?:files|folders|contents of|what's in|what is in)|what(?:'s| is) in (?:the |this |my )?(?:folder|directory)|how many files)\b|(?:what|which) (?:files|folders|documents|docs|notes) (?:exist|are (?:there|here|shared)|(?:do|have) (?:i|you|we)(?: have| got)?|can you (?:see|read|use)|are (?:in|under|inside))\b`,
);
const LIST_ZH =
  /列出|列一下|(?:有|包含)(?:哪些|什么|多少)(?:个)?(?:文件|文档|目录|笔记|资料)|文件列表|目录列表|哪些文件$/;
const SUMMARISE =
  /\b(?:summari[sz]e|summary|sum up|overview|outline|tl;?dr|gist|recap|digest)\b|总结|概括|摘要|概述|归纳|大意|梗概|概要/i;
const ABOUT =
  /^(?:so\s+)?what(?:'s| is| are) (?:this|these|it|here|the (?:project|folder|repo|repository|directory|document|documents))(?: (?:project|folder|repo|repository|directory|file|files|documents?|notes?))?(?: (?:all )?about)?\s*[?.!]*$|(?:项目|文件夹|目录|仓库|这些文件|文档)(?:是|讲|说|写)(?:的)?(?:是)?什么/i;
const FIND = starts(
  String.raw`(?:find|search|look (?:for|up)|locate|grep|where (?:is|are|do|does|did|can)|(?:which|what) (?:file|files|note|notes|document|documents|docs)\b|who mentions|in which file|(?:pull|dig|bring) up\b|(?:(?:got|have you|have i|do i have|show me|give me|get me)\s)?(?:any|all|every|some|the)?\s?(?:thing|files?|notes?|documents?|docs?)\s(?:(?:that|which|i have|do i have|are there)\s){0,2}(?:on|about|regarding|concerning|mention\w*|talk\w*|discuss\w*|refer\w*)\b|(?:is there|are there|do i have|have i got) (?:a|an|any|some)? ?(?:[\w-]{1,30} ){0,2}(?:files?|notes?|documents?|docs?)\b)`,
);
const FIND_ZH =
  /查找|搜索|搜一下|找出|找到|找一下|寻找|哪个文件|哪[些个](?:文件|笔记|文档|记录|资料|文章)(?:里|中)?(?:提到|提及|包含|有|写|说|讲|是?关于)|有没有.{0,60}(?:文件|笔记|文档|记录|资料)|在哪里|在哪儿|在哪个|^(?:请|帮我)*(?:找|搜)/;
/** "Is there a file called budget.xlsx?" */
const ASKS_FOR_FILE =
  /^(?:is there|are there|do i have|have i got|does)\b.{0,80}\b(?:called|named|exist)|有没有.{0,60}(?:叫|名为)|是否存在|存在吗/i;
const READ = starts(String.raw`(?:read|open|show|print|display|cat|view|give me|quote|dump)\b`);
const READ_ZH =
  /^(?:请|帮我|麻烦|把)*(?:读一下|读取|读|打开|显示|查看|看看|看一下|阅读|给我看|输出|展示)|的(?:全文|内容)(?:是什么|给我|$)|(?:打印|显示|读)出来/;
const BACK =
  /\b(?:it|its|that (?:file|one|note|document)|this (?:file|one|note|document)|the (?:same )?file|the (?:same )?(?:note|document)|there|them|those|these)\b|它|这个文件|那个文件|该文件|这份|那份|上面|刚才|里面|其中|这里面|那里面/i;
const BACK_START = /^(?:and|also|what about|how about|then|but|or)\b|^(?:那|那么|还有|另外|以及|再|呢)|呢[？?]?$/i;

/** Characters of a question that are looked at. */
const MOST_READ = 4000;

/** What the owner wants, from the words of the question alone. */
export function aimOf(question: string): Aim {
  const whole = question.trim().slice(0, MOST_READ).toWellFormed();
  const language = languageOf(whole);
  const argv = commandIn(withoutManners(whole));
  const { rest: text, exceptions } = argv.length > 0 ? { rest: whole, exceptions: [] } : withoutExceptions(whole);
  const leftAway = leftAwayBy(exceptions, MENTION.test(text));
  const request = withoutManners(text);
  const named = namesIn(text);
  const asksFacts = argv.length === 0 && ![GREET, ASIDE].some((each) => each.test(request)) && !isDeed(text, request);
  const found = asksFacts ? factsIn(text, named, language, leftAway) : [];
  const other = argv.length > 0 ? 'run' : kindOf(text, request, named);
  const subject = subjectOf(named);
  const listed = found.length === 0 && leftAway.said.length > 0 && other === 'find' && subject.length > 0;
  // "Tom's email" is about Tom, and not a list of e-mails.
  const owned = OWNED.test(text) && found.every(({ missed, measure }) => measure === 'LIST' && missed.length > 0);
  const facts = listed ? [listFact(aboutWhat(subject), named, { language, leftAway })] : owned ? [] : found;
  const kind = facts.length > 0 ? 'facts' : other;
  const excluded = kind === 'facts' ? leftAway.missed : exceptions.map(({ said }) => said);
  const negated = exceptions.some((each) => each.negated && excluded.includes(each.said));
  const lacks = negated && (kind === 'facts' ? facts.every(isPlain) : !subject.some((word) => !KINDS.test(word)));
  return {
    ...named,
    kind: lacks ? 'negation' : kind,
    language,
    question: whole,
    subject: kind === 'find' || kind === 'ask' ? aboutWhat(subject) : subject.filter((word) => !VERBS.test(word)),
    argv,
    facts,
    excluded,
    refersBack: BACK.test(named.rest) || BACK_START.test(text),
  };
}

/** The words that carry the subject. */
function subjectOf({ folders, rest }: Named): string[] {
  const folderWords = new Set(folders.flatMap((folder) => [folder, ...folder.split('/')]));
  const said = rest.replace(LINE_WORDS, ' ').replace(FILLER, ' ').replace(THE_WORD, '$1 ');
  return subjectWords(said).filter((word) => !folderWords.has(word));
}

/** "Tom Hughes' email", "Anna's phone". */
const OWNED = /\p{L}(?:['’]s|s['’])\s{1,4}\p{L}/u;

/** Words around the subject of a search: "pull up everything on X", "that talk about X". */
const FILLER =
  /\b(?:pull|dig|bring) up\b|\b(?:everything|anything|something|stuff)(?= (?:on|about|regarding|with|that)\b)|\b(?:talk|speak|deal)(?:s|ing)? (?:about|of|with)\b|跟(?=.{1,30}有关)|(?<!没)有关(?!于)的?|(?:提|写|讲|说|谈|聊|记)(?:到|及|过|起|了){1,3}|[那这]?一?[份篇](?=笔记|文件|文档|资料)|(?:想要?|我要|帮忙)(?=找)/gi;
/** "Contains the word X" is about X. */
const THE_WORD =
  /\b(contain(?:s|ing)?|mention(?:s|ing)?|say(?:s|ing)?|includ(?:es?|ing)|with|for|find|search)\s{1,4}(?:the\s{1,4})?(?:exact\s{1,4})?(?:words?|terms?|phrases?|strings?|text)(?=\s{1,4}["'“`]?[\p{L}\p{N}])|(?:一|这个)?(?:单词|字样|词语)|[一这个]{1,2}词(?=的|[？?。.]|$)/giu;
/** Files alone, with nothing else that is wanted of them. */
const isPlain = ({ measure }: AskedFact): boolean => measure === 'COUNT' || measure === 'LIST';

const LINE_WORDS =
  /\blines?\s{1,8}\d{1,9}(?:\s{0,8}(?:-|–|to|through)\s{0,8}\d{1,9})?|第?\s{0,8}\d{1,9}\s{0,8}(?:行?\s{0,8}(?:-|–|~|到|至)\s{0,8}第?\s{0,8}\d{1,9})?\s{0,8}行/gi;
const VERBS =
  /^(?:summari[sz]e|summary|overview|outline|recap|gist|tldr|list|ls|open|display|cat|view|quote|dump|whole|entire|full|text|recursively|documents?|docs?|notes?)$/i;

const KINDS =
  /^(?:files?|pdfs?|images?|pictures?|photos?|documents?|docs?|notes?|papers?|texts?|笔记|文档|资料|文稿)$/i;

/** "Which notes mention the launch?" is about the launch; "find notes" is about notes. */
function aboutWhat(subject: readonly string[]): readonly string[] {
  const rest = subject.filter((word) => !KINDS.test(word));
  return rest.length > 0 ? rest : subject;
}

function withoutManners(text: string): string {
  let rest = text;
  for (let i = 0; i < 6 && POLITE.test(rest); i++) rest = rest.replace(POLITE, '');
  return rest;
}

const isDeed = (text: string, request: string): boolean =>
  (DEED.test(request) || DEED_ZH.test(text)) && !SUMMARISE.test(text);

function kindOf(text: string, request: string, named: Named): AimKind {
  if (named.files.length > 0 && ASKS_FOR_FILE.test(request)) return 'find';
  if (GREET.test(text)) return 'greet';
  if (ASIDE.test(request)) return 'aside';
  if (isDeed(text, request)) return 'deed';
  if (SUMMARISE.test(text) || ABOUT.test(text)) return 'summarise';
  const file = named.files.length > 0;
  if (!file && (LIST.test(request) || LIST_ZH.test(text))) return 'list';
  if (FIND.test(request) || FIND_ZH.test(text))
    return file && !/^(?:.*\b)?(?:find|locate|where)\b/i.test(text) ? 'ask' : 'find';
  if (READ.test(request) || READ_ZH.test(text))
    return file || named.lines || BACK.test(text) ? readOrAsk(named) : 'find';
  return 'ask';
}

/** "Show me what notes.md says about the date" reads less than it asks. */
function readOrAsk(named: Named): AimKind {
  return /\b(?:about|says?|mentions?|regarding)\b|关于|提到|说/.test(named.rest) ? 'ask' : 'read';
}

/** The words of a command that the owner wants to run: after the verb, or in backticks. No shell: quotes group, no more. */
function commandIn(text: string): string[] {
  const verb = RUN.exec(text) ?? RUN_ZH.exec(text);
  if (!verb) return [];
  const after = text.slice(verb[0].length);
  const quoted = /`([^`]{1,2000})`|“([^”]{1,2000})”|「([^」]{1,2000})」/.exec(after);
  const command = quoted
    ? (quoted[1] ?? quoted[2] ?? quoted[3])!
    : trimEndSigns(after.trimEnd(), ' \t\r\n?？。！!')
        .replace(/\s(?:please|for me|and (?:show|tell|give) .{0,2000})$/i, '')
        .trimEnd();
  if (/^(?:a|an|it|this|that|my|again)\b/i.test(command)) return [];
  return splitWords(command);
}

/** Splits as a shell would split words, without anything else a shell does. */
function splitWords(command: string): string[] {
  const words = command.match(/(?:[^\s"']+|"(?:[^"\\]|\\.)*"|'[^']*')+/g) ?? [];
  return words.map((word) =>
    word.replace(/"((?:[^"\\]|\\.)*)"|'([^']*)'/g, (_, double: string | undefined, single: string | undefined) =>
      double === undefined ? (single ?? '') : double.replace(/\\(["\\])/g, '$1'),
    ),
  );
}
