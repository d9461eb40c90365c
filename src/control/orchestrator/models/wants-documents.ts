// Whether an ask is about something that documents may hold: a command, a greeting or a question about the files of the box is not, and a
// search for it would only bring foreign text into the run. Guesses from the first words alone; when in doubt, it searches. Pure.

const MANNERS =
  /^(?:(?:please|pls|kindly|now|ok(?:ay)?|hey|bowline|请|麻烦你?|帮我)[,，\s]*){0,4}(?:(?:can|could|would|will) you )?/i;
/** A verb that runs something, with what is to be run. */
const COMMAND = /^(?:run|execute|exec)\s{1,8}(?!(?:a|an|it|this|that|my|again)\b)\S|^(?:运行|执行|跑一下)\s{0,8}\S/i;
const GREETING =
  /^(?:hi|hello|hey|thanks|thank you|help|who are you|what can you do|你好|您好|谢谢|帮助|你是谁|你能做什么)[\s!.?？！。,，]{0,8}$/i;
/** Which files there are, how many, how large: the box knows, its documents do not. */
const ABOUT_FILES =
  /^(?:list|ls)\b.{0,60}\bfiles\b|^(?:what|which) (?:is|are) the (?:largest|biggest|smallest|newest|latest|oldest) (?:files?|folders?)\b|^how many (?:\w{1,20} )?(?:files|folders)\b|^列出.{0,20}文件|最(?:大|小|新|旧)的.{0,10}文件|(?:多少|几)个?.{0,10}(?:文件夹?|目录)[？?。]?$/i;

/** Characters that are looked at. */
const LOOKED_AT = 400;

export function wantsDocuments(ask: string): boolean {
  const text = ask.slice(0, LOOKED_AT).trim();
  if (GREETING.test(text)) return false;
  const request = text.replace(MANNERS, '');
  return !COMMAND.test(request) && !ABOUT_FILES.test(request);
}
