// Cuts text into what can be compared: Latin words with their endings off, Chinese by pairs of characters.
import { normalForm } from '../base/normal-form.ts';

const ENGLISH_STOP = new Set(
  `a about above after again all also am an and any are as asks at be because been before being below between both but by
  can could did do does doing done down during each else ever every file files find folder for from further get give go had
  has have having he her here hers him his how i if in into is it its itself just know let like list look me mention mentions
  mentioned more most my myself no nor not note now of off on once one only open or other our ours out over own please print
  read run said same say saying says search see shall she should show so some such summarise summarize summary tell than that
  the their theirs them then there these they thing things this those through to too under until up upon us very was we were
  what whats when where which while who whom whose why will with would you your yours contain contains content contents inside
  describe explain does's according there's okay ok stay stays use used uses using hey hi hello thanks thank called named much many something anything`.split(
    /\s+/,
  ),
);

/** Chinese words that carry no subject. */
const CHINESE_STOP = new Set(
  `的 了 是 谁 在 里 里面 中 上 下 说 说了 什么 关于 哪 哪个 哪些 哪里 怎么 怎样 如何 请 请问 吗 呢 吧 啊 把 被 我 我的 你 你的 他 她 它 我们 你们
  文件 文件夹 目录 有 没有 和 与 或 及 对 就 都 也 还 又 很 这 那 这个 那个 这些 那些 一下 一个 提到 提及 包含 含有 写 写了 讲 讲了 内容 告诉 看 看看 查 查找 找
  搜索 搜 列出 总结 概括 摘要 读 读取 打开 显示 阅读 运行 执行 哪一 多少 几 为什么 是什么 可以 能 会 要 想 给 让 从 到 为 以 之 其 于 并 而 但 如果 时候 时
  什么时候 何时 什么样 我想 想要 我要 现在 几点 几号 帮 帮我 知道 介绍 解释 说明 多少钱 有关 那份 这份 那篇 这篇`.split(
    /\s+/,
  ),
);

const SEGMENTER = new Intl.Segmenter('zh', { granularity: 'word' });
const RUNS =
  /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[\p{Script=Latin}\p{N}_][\p{Script=Latin}\p{N}_'’]*|[\p{L}]+/gu;
const CHINESE = /^[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]/;

/** A word as it is compared: lower case, without the commonest English endings. */
function stem(word: string): string {
  const w = word
    .toLowerCase()
    .replace(/['’]s?$/, '')
    .replace(/['’]/g, '');
  if (w.length <= 3 || /\d/.test(w)) return w;
  if (w.endsWith('ies') && w.length > 4) return `${w.slice(0, -3)}y`;
  if (/(ss|us|is)$/.test(w)) return w;
  if (/(ches|shes|xes|sses)$/.test(w)) return w.slice(0, -2);
  if (w.endsWith('ing') && w.length > 5) return undouble(w.slice(0, -3));
  if (w.endsWith('ed') && w.length > 4) return undouble(w.slice(0, -2));
  if (w.endsWith('s')) return bare(w.slice(0, -1));
  return bare(w);
}

const bare = (w: string): string => (w.endsWith('e') && w.length > 4 ? w.slice(0, -1) : w);
const undouble = (w: string): string => bare(/([bdgklmnprt])\1$/.test(w) ? w.slice(0, -1) : w);

/** Where the words of an identifier meet: DEFAULT_TIMEOUT, parseConfig, HTTPServer. */
const SEAM = /_+|(?<=[\p{Ll}\p{N}])(?=\p{Lu})|(?<=\p{Lu})(?=\p{Lu}\p{Ll})/u;

/** Everything in a text that can match, in order; repeated where the text repeats it. */
export const tokens = (text: string): string[] => tokensOf(text, false);

/** The same of a text that is looked through, where an identifier can match as a whole and by its words. */
export const wordsIn = (text: string): string[] => tokensOf(text, true);

function tokensOf(text: string, parts: boolean): string[] {
  const found: string[] = [];
  for (const [run] of normalForm(text, 'NFKC').matchAll(RUNS)) {
    if (!CHINESE.test(run)) {
      found.push(stem(run.replaceAll('_', '')));
      const words = parts ? run.split(SEAM).filter((word) => word !== '') : [];
      if (words.length > 1) found.push(...words.map(stem));
    } else if (run.length === 1) found.push(run);
    else for (let i = 0; i + 1 < run.length; i++) found.push(run.slice(i, i + 2));
  }
  return found;
}

/** The words of a question that carry its subject, as they stand in it, in order and once. */
export function subjectWords(text: string): string[] {
  const words: string[] = [];
  for (const [run] of text.matchAll(RUNS)) {
    if (CHINESE.test(run)) words.push(...chineseWords(run));
    else {
      const word = run.replace(/['’]s?$/, '');
      if (!ENGLISH_STOP.has(word.toLowerCase()) && (word.length > 1 || /\d/.test(word))) words.push(word);
    }
  }
  return [...new Set(words)];
}

/** Neighbouring words that are no stop words, joined: 关于发布日期说了什么 gives 发布日期. */
function chineseWords(run: string): string[] {
  const joined: string[] = [];
  let current = '';
  const parts = [...SEGMENTER.segment(run)].map(({ segment }) => segment);
  for (const part of parts) {
    if (CHINESE_STOP.has(part)) {
      if (current) joined.push(current);
      current = '';
    } else current += part;
  }
  if (current) joined.push(current);
  return joined;
}

/** Words to search files for: the subject words; a long Chinese one also by its parts, since search is literal. */
export function searchTerms(text: string, most = 8): string[] {
  const terms = subjectWords(text).flatMap((word) => {
    if (!CHINESE.test(word) || word.length <= 2) return [word];
    const parts = [...SEGMENTER.segment(word)].map(({ segment }) => segment).filter((part) => part.length > 1);
    return [word, ...parts];
  });
  // One Chinese sign stands in too many words to be looked for beside others.
  const long = terms.filter((term) => term.length > 1 || !CHINESE.test(term));
  return [...new Set(long.length > 0 ? long : terms)].slice(0, most);
}

const MEASURED = /\bhow (old|long|far|big|large|small|high|tall|wide|deep|heavy|fast|hot|cold|new|often|late|early)\b/i;

/** What a question measures, which says nothing of what it asks about: "how old is my cat" is about the cat. */
export const measuredIn = (question: string): string | undefined => MEASURED.exec(question)?.[1]?.toLowerCase();
