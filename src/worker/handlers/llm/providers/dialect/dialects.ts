// The dialects of servers that call themselves OpenAI-compatible, as a table: how they say that an answer ended, what they think aloud in,
// and how they write tool calls into the text. Data, no code.

/** What each word for the end of an answer means. `half`: it broke off. A word that is not here counts as a stop. */
export const FINISHES: Readonly<Record<string, 'stop' | 'length' | 'tool_calls' | 'content_filter' | 'half'>> = {
  stop: 'stop',
  eos: 'stop',
  eos_token: 'stop',
  stop_sequence: 'stop',
  end_turn: 'stop',
  complete: 'stop',
  length: 'length',
  max_tokens: 'length',
  model_length: 'length',
  max_output_tokens: 'length',
  tool_calls: 'tool_calls',
  tool_call: 'tool_calls',
  tool_use: 'tool_calls',
  function_call: 'tool_calls',
  content_filter: 'content_filter',
  safety: 'content_filter',
  recitation: 'content_filter',
  error: 'half',
  abort: 'half',
  aborted: 'half',
  cancelled: 'half',
  canceled: 'half',
  interrupted: 'half',
  network_error: 'half',
  timeout: 'half',
};

/** Fields of a delta that hold thoughts. */
export const REASONING_FIELDS = ['reasoning_content', 'reasoning', 'thinking', 'reasoning_text', 'thought'] as const;

/** Thoughts within the text: open at its beginning, close anywhere. The opening may be missing, where the server's template wrote it. */
export const THOUGHTS: readonly { readonly open: string; readonly close: string }[] = [
  { open: '<think>', close: '</think>' },
  { open: '<thinking>', close: '</thinking>' },
  { open: '<thought>', close: '</thought>' },
  { open: '<reasoning>', close: '</reasoning>' },
  { open: '<seed:think>', close: '</seed:think>' },
  { open: '[THINK]', close: '[/THINK]' },
  { open: '◁think▷', close: '◁/think▷' },
];

/** Tool calls within the text; without `close` they go on to its end. Read only where tools were offered. */
export const CALLS: readonly { readonly open: string; readonly close?: string }[] = [
  { open: '<tool_call>', close: '</tool_call>' },
  { open: '<function_call>', close: '</function_call>' },
  { open: '<|tool_call_begin|>', close: '<|tool_call_end|>' },
  { open: '[TOOL_CALLS]' },
  { open: '<|python_tag|>' },
];

/** Harmony: the text is messages with channels. */
export const HARMONY = {
  begins: ['<|channel|>', '<|start|>'],
  message: '<|message|>',
  ends: ['<|end|>', '<|return|>', '<|call|>', '<|start|>', '<|channel|>'],
} as const;

/** Models whose templates open the thoughts themselves, so that an answer begins within them. */
export const THINKS_FIRST =
  /deepseek-?r1|r1-distill|qwq|qwen-?3.*thinking|magistral|exaone-deep|nemotron|glm-4\.[15]|phi-4-reasoning/i;
