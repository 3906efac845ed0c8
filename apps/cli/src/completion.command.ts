import type { Command } from 'commander';
import { usage } from './failure.js';

const SHELLS = { bash, zsh } as const;

/** Scripts that complete commands and options in a shell. */
export function completionCommand(program: Command): void {
  program
    .command('completion')
    .description('a script that completes commands and options: source <(myelin completion bash)')
    .argument('<shell>', Object.keys(SHELLS).join(' or '))
    .action((shell: string) => {
      if (!Object.hasOwn(SHELLS, shell)) throw usage(`the shell must be ${Object.keys(SHELLS).join(' or ')}`);
      process.stdout.write(SHELLS[shell as keyof typeof SHELLS](program));
    });
}

/** Words that may come after a command, by the words before them: `` for the first, `resync` for what follows it. */
function wordsOf(program: Command): [path: string, words: string[]][] {
  const common = optionsOf(program);
  const walk = (command: Command, path: string): [string, string[]][] => [
    [path, [...command.commands.map((one) => one.name()), ...optionsOf(command), ...(path === '' ? [] : common)]],
    ...command.commands.flatMap((one) => walk(one, path === '' ? one.name() : `${path} ${one.name()}`)),
  ];
  return walk(program, '');
}

const optionsOf = (command: Command) => command.options.flatMap(({ long }) => long ?? []);

function bash(program: Command): string {
  const cases = wordsOf(program).map(([path, words]) => `    '${path}') words='${words.join(' ')}' ;;`);
  return `_myelin() {
  local path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) ;; *) path="\${path:+$path }$word" ;; esac
  done
  while :; do
    case "$path" in
${cases.join('\n')}
    esac
    [ -n "$words" ] || [ -z "$path" ] && break
    case "$path" in *' '*) path="\${path% *}" ;; *) path='' ;; esac
  done
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _myelin myelin
`;
}

// zsh runs completions of bash.
function zsh(program: Command): string {
  return `autoload -U +X bashcompinit && bashcompinit\n${bash(program)}`;
}
