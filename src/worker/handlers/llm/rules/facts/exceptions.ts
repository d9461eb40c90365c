// What a question excludes ("except drafts", "are not PDFs", "除了草稿以外"): the built-in rules cannot leave anything out, so it is told and not searched for.

const EXCEPTION =
  /[,，]?\s{0,4}(?:\b(?:except(?:ing)?(?: for)?|but not|excluding|other than|apart from|leaving out|ignoring|not counting|without)\s{1,4}[^,.;?!，。；？！]{1,200}|(?:(?<![删清移消解扣免])除了?|不包括|不包含|不含|不算|排除|去掉)[^,.;?!，。；？！]{1,60}?(?:以外|之外|外(?!\p{L})|(?=[,.;?!，。；？！]|$)))/iu;

const FILES_BEFORE =
  /\b(?:files?|notes?|documents?|docs?|folders?|pdfs?|images?|photos?|pictures?|papers?|ones|everything|anything|scripts?|logs?)\b|文件|笔记|文档|哪些|目录|图片|照片/i;
/** What files must not be: nothing here can look for what is not there. */
const NEGATION =
  /(?:\b(?:that |which |who )?(?:(?:are|is|were|was|do|does|did|have|has|had|can|could|will)(?: not\b|n['’]?t\b)|(?:no longer|not|never)\b)\s{0,4}[^,.;?!，。；？！]{1,200}|\b(?:that |which )?(?:lack|have no|has no)\b[^,.;?!，。；？！]{1,200}|(?:(?<!有)没有?|(?<=有没有)没|未|不)(?:提到|包含|含有|提及|写到|说到|说过|关于|修改|改过)[^,.;?!，。；？！]{0,60}|(?:不是|并非)[^,.;?!，。；？！]{1,60})/iu;
/** A set of files is asked for. */
const ASKS_FOR_FILES =
  /^(?:(?:please|can you|could you)\s){0,2}(?:which|what|list|show|find|search|how many|count|number of|give|are there|do i have|all|every|files|notes|documents)\b|哪些|哪个文件|列出|多少个?|几个|查找|找/i;

/** The part that says what files must not be: "Which files are not PDFs?". Elsewhere "not" is left to what is quoted. */
function negationIn(question: string): RegExpExecArray | undefined {
  const match = ASKS_FOR_FILES.test(question.trim()) ? NEGATION.exec(question) : null;
  return match && FILES_BEFORE.test(question.slice(0, match.index)) ? match : undefined;
}

interface Exceptions {
  readonly rest: string;
  readonly excluded: readonly string[];
  /** Whether one of them says what files must not be. */
  readonly negated: boolean;
}

/** The question without what it excludes, and those words. */
export function withoutExceptions(question: string): Exceptions {
  let negated = false;
  const excluded: string[] = [];
  let rest = question;
  for (let i = 0; i < 4; i++) {
    const exception = EXCEPTION.exec(rest);
    const match = exception ?? negationIn(rest);
    if (!match) break;
    negated ||= !exception;
    excluded.push(match[0].replace(/^[,，\s]+/, '').trim());
    rest = `${rest.slice(0, match.index)}${rest.slice(match.index + match[0].length)}`.trim();
  }
  // Nothing else is asked: then it was no exception.
  return /[\p{L}\p{N}]/u.test(rest) ? { rest, excluded, negated } : { rest: question, excluded: [], negated: false };
}
