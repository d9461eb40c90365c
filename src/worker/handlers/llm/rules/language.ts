// Which language an answer is in. Two are known; what is neither is answered in English.

export type AnswerLanguage = 'en' | 'zh';

const CJK = /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]/g;

/** Chinese when a fair part of the letters is; a Chinese file name in an English question does not decide. */
export function languageOf(text: string): AnswerLanguage {
  const chinese = text.match(CJK)?.length ?? 0;
  if (chinese === 0) return 'en';
  const words = text.replace(/\S{0,200}\.\w{1,8}/g, ' ').match(/[A-Za-z]+/g)?.length ?? 0;
  return chinese >= words ? 'zh' : 'en';
}

/** Whether a text holds Chinese at all. */
export const hasChinese = (text: string): boolean => /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]/.test(text);
