// Takes secrets and numbers out of a text before any of it may become a summary. Never makes a text longer.

const SECRETS: readonly RegExp[] = [
  // Keys and certificates in PEM, also cut off at the end.
  /-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(?:-----END [A-Z0-9 ]+-----|$)/g,
  // Credentials in a URL.
  /\b[a-z][a-z0-9+.-]{1,20}:\/\/[^\s/@]{1,200}@/gi,
  // Mail addresses.
  /[\p{L}\p{N}._%+-]{1,64}@[\p{L}\p{N}.-]{1,190}\.\p{L}{2,24}/gu,
  // Addresses of pages and hosts: paths and parameters can carry anything.
  /\b[a-z][a-z0-9+.-]{1,20}:\/\/\S{1,2000}/gi,
  // What follows a word for a secret.
  /(?<=(?:pass(?:word|phrase|wd|code)?|pwd|secret|token|api[ _-]?key|access[ _-]?key|private[ _-]?key|credentials?|pin|otp|login|bearer|auth(?:orization)?)\b[^\S\n]{0,8}(?:is|are|was|=|:|=>|→)?[^\S\n]{0,8}["'`]?)[^\s"'`,;]{2,200}/giu,
  /(?<=(?:密码|口令|密钥|令牌|验证码|账号|帐号|卡号|暗号)[^\S\n]{0,8}(?:是|为|:|\uff1a|=)?[^\S\n]{0,8})[^\s,\u3002;\uff0c\uff1b]{2,200}/gu,
  // Tokens: three parts of a JWT, known prefixes, anything long that is not a word.
  /\beyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)?/g,
  /\b(?:sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[abps]|AKIA|ASIA|AIza|bwo|bwd|bwj)[-_A-Za-z0-9]{8,}/g,
  /[A-Za-z0-9+/_=-]{24,}/g,
  // Words that mix letters with digits, or letters joined by signs in the manner of codes.
  /(?<![\p{L}\p{N}])(?=[\p{L}\p{N}]*\p{L})(?=[\p{L}\p{N}]*\p{N})[\p{L}\p{N}]{4,}(?:[-_.:/][\p{L}\p{N}]+)*/gu,
];

/** Numbers in every script, with the signs inside them. */
const NUMBERS = /[\p{Nd}\p{Nl}\p{No}](?:[\p{Nd}\p{Nl}\p{No}.,:/'’-]*[\p{Nd}\p{Nl}\p{No}])?/gu;
/** Numbers written in Han: several in a row, or one before a measure or a date word. */
const HAN_NUMBERS =
  /[〇零一二三四五六七八九十百千万亿两廿卅壹贰叁肆伍陆柒捌玖拾佰仟]{2,}|[〇零一二三四五六七八九十百千万亿两](?=[年月日号元块角分点时秒周天岁人名个份次度%])/gu;

/** Secrets become `•`, numbers `#`. */
export function mask(text: string): string {
  let masked = text;
  for (const secret of SECRETS) masked = masked.replace(secret, '•');
  return masked.replace(NUMBERS, '#').replace(HAN_NUMBERS, '#');
}
