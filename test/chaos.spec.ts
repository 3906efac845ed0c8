import { report, succeeded } from './chaos/report.js';
import { runScenario, type Servers } from './chaos/scenario.js';
import { folderOf, startOwnServers } from './installation.js';

const plan = {
  seed: Number(process.env.CHAOS_SEED ?? 1 + Math.floor(Math.random() * 1_000_000)),
  seconds: 40,
  rate: 100,
  entities: 500,
  ifMatch: false,
  lateRepeats: false,
};

it(`keeps every entity in order, whatever is killed, delayed or repeated (seed ${plan.seed})`, async () => {
  const stack = await startOwnServers('chaos', ['kafka', 'postgres']);
  try {
    const outcome = await runScenario(plan, stack as Servers, folderOf('chaos'), () => undefined);
    const told = report(plan, outcome);
    process.stdout.write(`${told}\n`);
    expect({ told, succeeded: succeeded(plan, outcome) }).toEqual({ told, succeeded: true });
  } finally {
    await stack.stop();
  }
}, 480_000);
