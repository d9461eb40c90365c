// Finds in a question what it leaves out ("except drafts", "are not PDFs", "除了草稿以外"), and the question without it. What is meant by it is told elsewhere.

/** One thing that is left out. */
export interface Exception {
  /** As it stands in the question. */
  readonly said: string;
  /** Of these words, what is left out: "drafts", "mention budget". */
  readonly what: string;
  /** Whether it says what files must not be. */
  readonly negated: boolean;
}

/** What follows an exception in its sentence. */
const GOES_ON =
  '(?=\\s{1,4}(?:are|is|do|does|did|have|has|were|was|exist|can|mention|mentions|contain|contains|changed|there)\\b|[,;?!，。；？！]|\\.(?:\\s|$)|$)';
const GOES_ON_ZH =
  '(?=的?(?:文件|笔记|文档|资料|图片|照片)|一共|总共|共有|共|有多少|有几|有哪|还有|还剩|哪|最[大小新旧老]|[,;?!，。；？！]|(?<![和与及或、跟])\\s(?!\\s{0,3}(?:和|与|及|以及|或|、|跟))|$)';
const PART = '(?:[^,.;?!，。；？！]|\\.(?=\\S))';

const EXCEPT = new RegExp(
  `[,，]?\\s{0,4}\\b(?:except(?:ing)?(?: for)?|(?:but )?(?:excluding|not counting|not including|leaving out|leave out|ignoring|ignore|leaving aside)|but not|other than|apart from|aside from|besides|without)\\s{1,4}(${PART}{1,200}?)${GOES_ON}`,
  'iu',
);
const EXCEPT_ZH = new RegExp(
  `[,，]?\\s{0,4}(?:但是?|但)?(?:(?<![删清移消解扣免排])除(?:了|去|开)?|不包括|不包含|不含|不算上?|不计|排除|去掉|去除)\\s{0,4}(${PART}{1,60}?)\\s{0,4}(?:以外|之外|外(?!\\p{L})|${GOES_ON_ZH})的?`,
  'iu',
);
/** "Outside the journal folder", "journal 目录以外". */
const OUTSIDE =
  /(?<!\p{L})(?:that (?:are|lie) |which (?:are|lie) )?(outside(?: of)?\s{1,4}(?:the |my )?[\p{L}\p{N}_./-]{1,100}(?: folder| directory)?)|([\p{L}\p{N}_./-]{1,40}?\s{0,2}(?:文件夹|目录))(?:以外|之外)的?/iu;
/** "Non-PDF files", "非日志文件". */
const NON =
  /\b(?:the )?non-?\s?([\p{L}]{2,20})(?=\s)|(?<![并除是])非\s?((?:图片|照片|日志|代码|文档|笔记|表格|视频|音频|文本|压缩包|pdf|csv|markdown)(?!\w))/iu;
/** "That are not PDFs", "don't mention it". */
const NEGATION = new RegExp(
  `\\b(?:that |which |who )?(?:(?:are|is|were|was|do|does|did|have|has|had|can|could|will)(?: not\\b|n['’]?t\\b)|(?:no longer|not|never|lacks?|have no|has no)\\b)\\s{0,4}(${PART}{1,200}?)${GOES_ON}`,
  'iu',
);
const NEGATION_ZH = new RegExp(
  `[,，]?(?:但是?|却|而)?(?:(?:(?<!有)没有?|(?<=有没有)没|未|不)(?=提到|包含|含有|提及|写到|说到|讲到|说过|关于|出现|修改|改过|在)|(?:不是|并非|不属于))(${PART}{1,60}?)${GOES_ON_ZH}的?`,
  'iu',
);

const FILES =
  /\b(?:files?|notes?|documents?|docs?|folders?|pdfs?|images?|photos?|pictures?|papers?|ones|everything|anything|scripts?|logs?)\b|文件|笔记|文档|哪些|目录|图片|照片/i;
/** A set of files is asked for. */
const ASKS_FOR_FILES =
  /^(?:(?:please|can you|could you)\s){0,2}(?:which|what|list|show|find|search|how many|count|number of|give|are there|do i have|all|every|files|notes|documents|the (?:largest|biggest|smallest|newest|oldest))\b|哪些|哪个|列出|多少个?|几个|查找|找|最[大小新旧老]/i;

/** The part that says what files must not be: "Which files are not PDFs?". Elsewhere "not" is left to what is quoted. */
function negationIn(question: string): RegExpExecArray | undefined {
  if (!ASKS_FOR_FILES.test(question.trim())) return undefined;
  const chinese = NEGATION_ZH.exec(question);
  if (chinese) return FILES.test(question.replace(chinese[0], ' ') + chinese[1]) ? chinese : undefined;
  const match = NEGATION.exec(question);
  return match && FILES.test(question.slice(0, match.index)) ? match : undefined;
}

/** The question without what it leaves out, and that. */
export function withoutExceptions(question: string): {
  readonly rest: string;
  readonly exceptions: readonly Exception[];
} {
  const exceptions: Exception[] = [];
  let rest = question;
  for (let i = 0; i < 4; i++) {
    const exception = [EXCEPT, EXCEPT_ZH, OUTSIDE, NON].map((form) => form.exec(rest)).find((each) => each !== null);
    const match = exception ?? negationIn(rest);
    if (!match) break;
    const said = match[0]
      .replace(/^[,，\s]+|的$/g, '')
      .replace(/^(?:但是?|却|而)/, '')
      .trim();
    exceptions.push({
      said,
      what: match
        .slice(1)
        .find((each) => each !== undefined)!
        .trim(),
      negated: !exception,
    });
    rest = `${rest.slice(0, match.index)} ${rest.slice(match.index + match[0].length)}`.trim();
  }
  // Nothing else is asked: then it was no exception.
  return /[\p{L}\p{N}]/u.test(rest) ? { rest, exceptions } : { rest: question, exceptions: [] };
}
