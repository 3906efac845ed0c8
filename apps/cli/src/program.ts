import { Command } from 'commander';
import { completionCommand } from './completion.command.js';
import { conflictCommands } from './conflicts.commands.js';
import { doctorCommand } from './doctor.commands.js';
import { flowCommands } from './flows.commands.js';
import { jobCommands } from './jobs.commands.js';
import { overlayCommands } from './overlay.commands.js';
import { parkedCommands } from './parked.commands.js';
import { recordCommands } from './records.commands.js';
import { traceCommands } from './trace.commands.js';

/** The command line of an installation: everything it does goes through the HTTP APIs of the services. */
export function createProgram(): Command {
  const program = new Command('myelin')
    .description('Operate an installation of Myelin.')
    .option('--config <file>', 'addresses of the services (MYELIN_CONFIG)', process.env.MYELIN_CONFIG || undefined)
    .option('--connector <name>', 'the connector that is meant, where there are several')
    .option('--author <name>', 'who orders; else your user name')
    .option('--json', 'answers as JSON')
    .showHelpAfterError('(--help says more)')
    .exitOverride();
  flowCommands(program);
  parkedCommands(program);
  jobCommands(program);
  overlayCommands(program);
  conflictCommands(program);
  traceCommands(program);
  recordCommands(program);
  doctorCommand(program);
  completionCommand(program);
  return program;
}
