// Which language an answer is in. Two are known; what is neither is answered in English.

export type AnswerLanguage = 'en' | 'zh';

const CJK = /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]/g;

/** Words that make a question English or Chinese, whatever is searched for: "search for 京都", "搜索 launch". */
const ENGLISH_FRAME =
  /\b(?:the|is|are|was|were|what|which|who|when|where|why|how|find|search|look|list|show|read|open|in|of|for|about|do|does|did|has|have|mentions?|summari[sz]e|summary|please|give)\b/i;
const CHINESE_FRAME =
  /[的是在哪谁吗呢里请把有了]|什么|多少|几个|怎么|为什么|何时|关于|搜索|查找|寻找|找出|找一下|总结|概括|归纳|列出|显示|打开|提到|一共/;

/** Chinese when a fair part of the letters is; a Chinese file name or quote in an English question does not decide. */
export function languageOf(text: string): AnswerLanguage {
  if (!hasChinese(text)) return 'en';
  const said = text.replace(/[“"「`][^”"」`]{0,200}[”"」`]/g, ' ').replace(/\S{0,200}\.\w{1,8}/g, ' ');
  const [english, chinese] = [ENGLISH_FRAME.test(said), CHINESE_FRAME.test(said)];
  if (english !== chinese) return english ? 'en' : 'zh';
  const letters = said.match(CJK)?.length ?? 0;
  const words = said.match(/[A-Za-z]+/g)?.length ?? 0;
  return letters >= words ? 'zh' : 'en';
}

/** Whether a text holds Chinese at all. */
export const hasChinese = (text: string): boolean => /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]/.test(text);
