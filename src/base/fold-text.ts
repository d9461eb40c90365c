// The form in which words are compared: composed, without regard to case.
import { normalForm } from './normal-form.ts';

export const foldText = (text: string): string => normalForm(text, 'NFC').toLowerCase();
