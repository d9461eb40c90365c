// A masker of secrets that a test knows.
import { FormMatcher } from '../../src/edge/secrets/form-matcher.ts';
import { Masker } from '../../src/edge/secrets/masker.ts';
import { secretForms } from '../../src/edge/secrets/secret-forms.ts';

/** @param secrets values by their names */
export function maskerOf(secrets: Readonly<Record<string, string>>): Masker {
  const matcher = new FormMatcher();
  for (const [name, value] of Object.entries(secrets)) for (const form of secretForms(value)) matcher.add(name, form);
  return new Masker(matcher);
}
