// Words that ask and join, and say nothing of what is asked for. A query is searched without them, as long as anything is left.

const ENGLISH =
  'a an and any are as at be been but by can could did do does for from had has have he how i if in into is it its may me might must my no not of on or our she should so some tell than that the their them then there these they this those to us was we were what when where which who whom whose why will with would you your';

/** Pairs of letters, as Chinese is searched. */
const CHINESE = '什么 怎么 怎样 如何 为何 是否 哪些 哪个 哪里 多少 么时 么样 可以 的是 是什 请问 我们 一个 这个 那个';

/** As terms of queries: `stem` is what is done to words there. */
export const askingWords = (stem: (word: string) => string): ReadonlySet<string> =>
  new Set([...ENGLISH.split(' ').map(stem), ...CHINESE.split(' ')]);
