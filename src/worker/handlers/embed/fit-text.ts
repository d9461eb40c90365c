// Cuts a text to what a model reads. Counts tokens by a rule, since the worker does not have the model's tokenizer. Pure.

/** As in `estimateTokens`, a quarter more, so that an unusual text still fits. */
const LATIN = 0.25 * 1.25;
const CHINESE = 1.5 * 1.25;

const isChinese = (sign: number): boolean => (sign >= 0x3400 && sign <= 0x9fff) || sign >= 0xf900;

/** The text, or its beginning of roughly `maxTokens` tokens, cut between two code points. */
export function fitText(text: string, maxTokens: number): string {
  if (text.length * CHINESE <= maxTokens) return text;
  let tokens = 0;
  for (let at = 0; at < text.length; ) {
    const sign = text.codePointAt(at)!;
    tokens += isChinese(sign) ? CHINESE : LATIN;
    if (tokens > maxTokens) return text.slice(0, at);
    at += sign > 0xffff ? 2 : 1;
  }
  return text;
}
