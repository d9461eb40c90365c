// A rough count of tokens for models that give none: four Latin characters or two thirds of a Chinese one each.

/** How many tokens a text is, roughly. */
export function estimateTokens(text: string): number {
  const chinese = text.match(/[\u3400-\u9fff\uf900-\ufaff]/g)?.length ?? 0;
  return Math.ceil((text.length - chinese) / 4 + chinese * 1.5);
}
