// Questions about documents of a collection, half of which the documents answer: what a floor of relevance is judged by.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../stack.ts';

export interface DocumentQuestion {
  readonly text: string;
  /** The document that answers it; undefined when none does. */
  readonly document?: string;
}

/** Notes beside Bowline's own pages: short and long documents, in two languages. */
export function documentTexts(): Record<string, string> {
  const folder = join(ROOT, 'docs');
  const pages = readdirSync(folder).filter((name) => name.endsWith('.md'));
  return {
    ...NOTES,
    ...Object.fromEntries(pages.map((name) => [`docs/${name}`, readFileSync(join(folder, name), 'utf8')])),
  };
}

const NOTES: Readonly<Record<string, string>> = {
  'launch.md':
    '# Launch\n\nThe launch is on 14 May, at nine in the morning.\nThe venue is the old harbour hall.\n\n## Budget\n\nThe budget of the launch is 52000 EUR. Katharina Voss approves expenses.\n',
  'lighthouse.md':
    '# Lighthouse\n\nThe lighthouse keeper is called Amelie Brandt.\nThe lamp was replaced in 1987. Its range is 18 nautical miles.\n',
  'soup.md': '# Lentil soup\n\nNeeds 500 g of lentils and a little salt.\nTakes 40 minutes.\n',
  'house.md': '# Rules of the house\n\nShoes stay at the door. Quiet after ten.\n',
  'heating.md': '# Heating\n\nThe boiler is serviced each September by Nordwind.\n',
  'boat.md':
    '# Boat\n\nThe boat is called Sea Otter. It was bought in 2011 for 7400 EUR.\nThe hull number is HX-2231.\n',
  '会议记录.md':
    '# 会议记录\n\n时间：三月五日下午两点。\n参加人：王小明、李雷、韩梅梅。\n\n## 决定\n\n新办公室定在江边大楼，租金每月八千元。\n李雷负责搬家，四月底之前完成。\n',
  '京都计划.md': '# 京都计划\n\n四月十日出发，住在二条城附近。\n第二天参观清水寺，晚上吃怀石料理。\n',
  '红烧肉.md': '# 红烧肉\n\n五花肉五百克，冰糖三十克，小火炖九十分钟。\n',
  '灯塔.md': '# 灯塔\n\n灯塔管理员名叫王小明。灯塔高三十二米。\n',
};

export const DOCUMENT_QUESTIONS: readonly DocumentQuestion[] = [
  { text: 'When is the launch?', document: 'launch.md' },
  { text: 'Who approves expenses?', document: 'launch.md' },
  { text: 'What is the lighthouse keeper called?', document: 'lighthouse.md' },
  { text: 'How far does the lighthouse reach, its range?', document: 'lighthouse.md' },
  { text: 'How long does the lentil soup take?', document: 'soup.md' },
  { text: 'Where do shoes stay?', document: 'house.md' },
  { text: 'Who services the boiler?', document: 'heating.md' },
  { text: 'What is the hull number of the boat?', document: 'boat.md' },
  { text: 'hull numbre of the boat', document: 'boat.md' },
  { text: 'How many runs may wait in one conversation?', document: 'docs/limits.md' },
  { text: 'What does a grant hold?', document: 'docs/security.md' },
  { text: 'How do I add a model of Ollama?', document: 'docs/guide.md' },
  { text: 'Which exit code means that an ask was refused?', document: 'docs/cli.md' },
  { text: 'lighthouse lamp', document: 'lighthouse.md' },
  { text: 'Nordwind', document: 'heating.md' },
  { text: '灯塔管理员叫什么名字？', document: '灯塔.md' },
  { text: '灯塔有多高？', document: '灯塔.md' },
  { text: '新办公室的租金是多少？', document: '会议记录.md' },
  { text: '谁负责搬家？', document: '会议记录.md' },
  { text: '红烧肉要炖多久？', document: '红烧肉.md' },
  { text: '京都计划什么时候出发？', document: '京都计划.md' },
  { text: '第二天参观哪里？', document: '京都计划.md' },
  { text: '冰糖', document: '红烧肉.md' },
  { text: 'Who won the world cup in 1990?' },
  { text: 'How much did the dentist charge in autumn?' },
  { text: 'What is the capital of Mongolia?' },
  { text: 'Which zeppelin crossed the Atlantic?' },
  { text: 'Recipe for apple strudel' },
  { text: 'When does grandmother arrive?' },
  { text: 'xylophone lessons' },
  { text: 'How old is the elephant?' },
  { text: 'What did Napoleon eat for breakfast?' },
  { text: 'How do volcanoes erupt?' },
  { text: 'my dog ate the homework' },
  { text: 'Is the museum closed on Mondays?' },
  { text: 'What colour is the sofa?' },
  { text: 'Which gym membership is cheapest?' },
  { text: 'insurance premium of the motorcycle' },
  { text: '世界杯冠军是谁？' },
  { text: '飞艇什么时候起飞？' },
  { text: '木琴课多少钱？' },
  { text: '蒙古的首都在哪里？' },
  { text: '奶奶什么时候来？' },
  { text: '火星上有生命吗？' },
  { text: '苹果派怎么做？' },
  { text: '摩托车保险费' },
  { text: '大象今年几岁？' },
];
