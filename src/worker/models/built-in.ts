// The names of the models that are always there, in requests and in models.yaml.

/** Answers by rules, without any model. */
export const RULES = 'rules';

/** Makes vectors of letters, without any model. */
export const LEXICAL = 'lexical';
