// The texts of the messy folder: notes, invoices, recipes, code, tables and logs, with the facts that questions ask for.
import type { Age } from './messy-folder.ts';

export interface MessyText {
  readonly path: string;
  readonly text: string;
  readonly age?: Age;
}

const CUSTOMERS = ['Adler', 'Birch', 'Cormorant', 'Dune', 'Egret', 'Fjord', 'Gannet', 'Heron'];
const TOPICS = ['budget', 'staffing', 'parking', 'newsletter', 'insurance', 'heating', 'website', 'training'];
const DISHES: readonly [string, string, number][] = [
  ['Lentil soup', 'lentils', 40],
  ['Apple pie', 'apples', 75],
  ['Potato salad', 'potatoes', 35],
  ['Mushroom risotto', 'mushrooms', 50],
  ['Pumpkin curry', 'pumpkin', 45],
  ['Barley bread', 'barley', 120],
  ['Pea stew', 'peas', 60],
  ['Onion tart', 'onions', 65],
];

/** Amounts of the invoices, in EUR, by number. */
export const INVOICE_AMOUNTS: readonly number[] = Array.from({ length: 24 }, (_, at) => 100 + at * 17.5);
/** Rows of `tables/invoices.csv`. */
export const CSV_AMOUNTS: readonly number[] = Array.from({ length: 40 }, (_, at) => 25 + ((at * 73) % 400) + 0.5);

export function textsOf(random: () => number): MessyText[] {
  return [
    ...notes(),
    ...chinese(),
    ...invoices(),
    ...meetings(),
    ...recipes(),
    ...code(),
    ...tables(random),
    ...rest(),
  ];
}

function notes(): MessyText[] {
  return [
    {
      path: 'launch.md',
      text: '# Launch\n\nThe launch is on 14 May, at nine in the morning.\nThe venue is the old harbour hall.\n\n## Budget\n\nThe budget of the launch is 52000 EUR. Katharina Voss approves expenses.\n',
      age: 'today',
    },
    {
      path: 'launch checklist.md',
      text: '# Checklist for the launch\n\n- [x] Book the hall\n- [ ] Print the badges\n- [ ] Order 300 chairs\n',
      age: 'yesterday',
    },
    {
      path: 'projects/lighthouse.md',
      text: '# Lighthouse\n\nThe lighthouse keeper is called Amelie Brandt.\nThe lamp was replaced in 1987. Its range is 18 nautical miles.\n',
      age: 'last week',
    },
    {
      path: 'projects/garden.md',
      text: '# Garden\n\nThe tulips are planted in October. Watering is due every third day.\n',
      age: 'last week',
    },
    {
      path: 'projects/boat.md',
      text: '# Boat\n\nThe boat is called Sea Otter. It was bought in 2011 for 7400 EUR.\nThe hull number is HX-2231.\n',
      age: 'last month',
    },
    { path: 'e1.txt', text: 'Experiment one: the copper plate bent at 310 degrees.\n' },
    { path: 'e2.txt', text: 'Experiment two: the zinc plate broke at 280 degrees.\n' },
    {
      path: 'wifi.md',
      text: '# Wi-Fi for guests\n\nThe guest network is called otter-guest. It is switched off at midnight.\n',
    },
    {
      path: 'travel/kyoto.md',
      text: '# Kyoto\n\nWe visit 京都 in April. The hotel is near Nijo castle.\nThe train from Osaka takes 15 minutes.\n',
      age: 'last month',
    },
    { path: 'travel/packing list.md', text: '# Packing list\n\n- Raincoat\n- Passport\n- Adapter\n- Sun hat\n' },
    { path: 'drafts/launch speech.md', text: '# Speech\n\nDear guests, welcome to the launch.\n', age: 'yesterday' },
    { path: 'drafts/poem.md', text: '# Poem\n\nThe heron waits beside the weir.\n' },
  ];
}

function chinese(): MessyText[] {
  return [
    {
      path: '会议记录.md',
      text: '# 会议记录\n\n时间：三月五日下午两点。\n参加人：王小明、李雷、韩梅梅。\n\n## 决定\n\n新办公室定在江边大楼，租金每月八千元。\n李雷负责搬家，四月底之前完成。\n',
      age: 'last week',
    },
    {
      path: '旅行/京都计划.md',
      text: '# 京都计划\n\n四月十日出发，住在二条城附近。\n第二天参观清水寺，晚上吃怀石料理。\n',
      age: 'yesterday',
    },
    {
      path: '菜谱/红烧肉.md',
      text: '# 红烧肉\n\n五花肉五百克，冰糖三十克，小火炖九十分钟。\n',
    },
    { path: '菜谱/番茄炒蛋.md', text: '# 番茄炒蛋\n\n鸡蛋三个，番茄两个，先炒鸡蛋再放番茄。\n' },
    {
      path: '项目/发布计划.md',
      text: '# 发布计划\n\n发布日期是五月十四日。发布地点在旧港大厅。\n预算为五万二千欧元，由陈静审批。\n',
      age: 'today',
    },
    { path: '项目/灯塔.md', text: '# 灯塔\n\n灯塔管理员名叫王小明。灯塔高三十二米。\n' },
    { path: '日记 2024.md', text: '# 日记\n\n今天下雨，在家里修理自行车。\n', age: 'last year' },
    { path: '数据/销售额.csv', text: '月份,金额\n一月,1200\n二月,1500\n三月,900\n四月,2400\n' },
  ];
}

function invoices(): MessyText[] {
  return INVOICE_AMOUNTS.map((amount, at) => ({
    path: `invoices/invoice-${at + 1}.md`,
    text: `# Invoice ${at + 1}\n\nCustomer: ${CUSTOMERS[at % CUSTOMERS.length]}\nAmount: ${amount.toFixed(2)} EUR\nDue: 30 days after receipt\n`,
    ...(at === 23 ? { age: 'last week' as const } : {}),
  }));
}

function meetings(): MessyText[] {
  return Array.from({ length: 32 }, (_, at) => {
    const topic = TOPICS[at % TOPICS.length];
    const month = String(1 + (at % 12)).padStart(2, '0');
    return {
      path: `meetings/2024-${month}-${String(1 + (at % 27)).padStart(2, '0')} ${topic}.md`,
      text: `# Meeting about ${topic}\n\nPresent: ${2 + (at % 5)} people.\nRoom ${100 + at} was too warm.\nThe ${topic} was postponed to meeting ${at + 2}.\n`,
      ...(at < 3 ? { age: 'last year' as const } : {}),
    };
  });
}

function recipes(): MessyText[] {
  return DISHES.map(([dish, what, minutes]) => ({
    path: `recipes/${dish.toLowerCase().replace(' ', '-')}.md`,
    text: `# ${dish}\n\nNeeds 500 g of ${what} and a little salt.\nTakes ${minutes} minutes.\n`,
  }));
}

function code(): MessyText[] {
  const typescript = Array.from({ length: 30 }, (_, at) => ({
    path: `code/src/module-${at + 1}.ts`,
    text: `// Part ${at + 1} of the pump control.\nexport function step${at + 1}(value: number): number {\n${at % 5 === 0 ? '  // TODO: handle overflow\n' : ''}  return value + ${at};\n}\n`,
    ...(at === 4 ? { age: 'yesterday' as const } : {}),
  }));
  const python = Array.from({ length: 14 }, (_, at) => ({
    path: `code/tools/tool_${at + 1}.py`,
    text: `"""Tool ${at + 1}."""\n\n\ndef main() -> None:\n${at % 4 === 0 ? '    # TODO: read the arguments\n' : ''}    print(${at + 1})\n`,
  }));
  return [
    ...typescript,
    ...python,
    { path: 'code/README.md', text: '# Pump control\n\nStarts with `node src/module-1.ts`. The licence is MIT.\n' },
    { path: 'code/package.json', text: '{\n  "name": "pump-control",\n  "version": "2.3.1"\n}\n' },
    { path: 'code/.gitignore', text: 'node_modules/\n*.tmp\n' },
  ];
}

function tables(random: () => number): MessyText[] {
  const rows = CSV_AMOUNTS.map((amount, at) => `${1001 + at},${CUSTOMERS[at % CUSTOMERS.length]},${amount.toFixed(2)}`);
  const readings = Array.from({ length: 10 }, (_, at) => ({
    path: `tables/readings-${at + 1}.csv`,
    text: `hour,degrees\n${Array.from({ length: 24 }, (_, hour) => `${hour},${Math.floor(random() * 30)}`).join('\n')}\n`,
  }));
  return [
    { path: 'tables/invoices.csv', text: `number,customer,amount\n${rows.join('\n')}\n`, age: 'last month' },
    { path: 'tables/birds.csv', text: 'bird,seen\nheron,12\ncormorant,31\negret,7\n', age: 'last week' },
    ...readings,
  ];
}

function rest(): MessyText[] {
  const logs = Array.from({ length: 12 }, (_, at) => ({
    path: `logs/2025-01-${String(at + 1).padStart(2, '0')}.log`,
    text: Array.from(
      { length: 40 },
      (_, line) => `12:${String(line).padStart(2, '0')} INFO tick ${line} of day ${at + 1}\n`,
    ).join(''),
  }));
  const journal = Array.from({ length: 70 }, (_, at) => ({
    path: `journal/day-${String(at + 1).padStart(3, '0')}.md`,
    text: `# Day ${at + 1}\n\nWalked ${3 + (at % 9)} km along the river. Slept ${6 + (at % 3)} hours.\n`,
  }));
  const same = '# Rules of the house\n\nShoes stay at the door. Quiet after ten.\n';
  return [
    ...logs,
    ...journal,
    { path: 'house/rules.md', text: same },
    { path: 'house/copy of rules.md', text: same },
    { path: 'backup/rules.md', text: same },
    { path: 'house/heating.md', text: '# Heating\n\nThe boiler is serviced each September by Nordwind.\n' },
    { path: 'house/heating-old.md', text: '# Old heating\n\nThe oil tank was removed in 1999.\n', age: 'last year' },
    { path: 'page.html', text: '<html><body><h1>Opening hours</h1><p>The museum opens at ten.</p></body></html>\n' },
    { path: 'settings.yaml', text: 'theme: dark\nlanguage: en\nvolume: 7\n' },
  ];
}
