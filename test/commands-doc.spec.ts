import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiDescription, repositoryRoot, type ApiRequest } from '@myelin/testing';

const PAGES = ['docs/runbook.md', 'docs/exploitation.md', 'docs/user-guide.md', 'docs/guide-utilisateur.md'];

/** Where each service of the pages describes its API. */
const APIS: Readonly<Record<string, string>> = {
  person: 'apps/person/openapi.json',
  structure: 'apps/structure/openapi.json',
  'third-party': 'apps/third-party/openapi.json',
  'connector-ldap': 'libs/connector-runtime/openapi.json',
  deliveries: 'apps/deliveries/openapi.json',
};

/** What stands for `<…>` in the pages, where an id would not do. */
const PLACEHOLDERS: Readonly<Record<string, string>> = { planHash: '0'.repeat(32), fingerprint: '0'.repeat(12) };
const ID = '01a20dfd-0000-7000-8000-000000000000';

const read = (path: string) => readFileSync(join(repositoryRoot(), path), 'utf8');

/** The services by the addresses that docker-compose.yml publishes. */
function addresses(): Map<string, string> {
  const services = read('docker-compose.yml').matchAll(/^ {2}([\w-]+):\n(?: {4}.*\n)*? {4}ports: \['([\d.]+:\d+):/gm);
  return new Map([...services].map(([, service = '', address = '']) => [`http://${address}`, service]));
}

/** The commands of a shell text, each as its words: quotes and variables are understood, nothing else is needed here. */
function commands(text: string): string[][] {
  const variables = new Map<string, string>();
  const expand = (part: string) => part.replace(/\$(\w+)/g, (_, name: string) => variables.get(name) ?? `$${name}`);
  const found: string[][] = [[]];
  let word: string | undefined;
  for (const [token, single, double] of text.matchAll(/'([^']*)'|"((?:[^"\\]|\\.)*)"|\s+|;|[^\s;'"]+/g)) {
    if (single !== undefined) word = (word ?? '') + single;
    else if (double !== undefined) word = (word ?? '') + expand(double).replace(/\\(["\\$])/g, '$1');
    else if (!/^(?:\s|;)/.test(token)) word = (word ?? '') + expand(token);
    else {
      if (word !== undefined) found.at(-1)!.push(word);
      word = undefined;
      if (/[;\n]/.test(token)) found.push([]);
    }
    // An assignment is known from the next word on.
    const [, name, value] = /^([A-Z_]+)=(.*)$/s.exec(word ?? '') ?? [];
    if (name !== undefined && found.at(-1)!.every((one) => /^[A-Z_]+=/.test(one))) variables.set(name, value ?? '');
  }
  if (word !== undefined) found.at(-1)!.push(word);
  return found.filter(([program]) => program === 'curl');
}

/** What a curl command asks, and of which service's address. */
function requestOf(words: readonly string[]): ApiRequest & { address: string } {
  const valuesOf = (option: string) => words.flatMap((word, index) => (words[index - 1] === option ? [word] : []));
  const [url = ''] = words.filter((word) => word.startsWith('http'));
  const { origin } = new URL(url);
  const header = valuesOf('-H').find((one) => one.toLowerCase().startsWith('content-type:'));
  const [data] = valuesOf('-d');
  return {
    address: origin,
    method: valuesOf('-X')[0] ?? 'GET',
    path: url.slice(origin.length),
    contentType: header?.slice('content-type:'.length).trim(),
    body: data === undefined ? undefined : JSON.parse(data),
  };
}

/** A page's curl commands, in the order of the page. */
function requests(page: string): (ApiRequest & { address: string })[] {
  // A block in another language closes as a shell block opens.
  const all = [...read(page).matchAll(/^```(\w*)\n(.*?)^```$/gms)];
  const blocks = all.filter(([, language]) => language === '').map(([, , block = '']) => block);
  const text = blocks.join('\n').replace(/<([^<>\n]+)>/g, (_, name: string) => PLACEHOLDERS[name] ?? ID);
  return commands(text).map(requestOf);
}

describe.each(PAGES)('%s', (page) => {
  const services = addresses();
  const apis = new Map<string, ApiDescription>();
  const faultOf = ({ address, ...request }: ReturnType<typeof requestOf>): string | undefined => {
    const document = APIS[services.get(address) ?? ''];
    if (document === undefined) return `${address} is no service of docker-compose.yml`;
    if (!apis.has(document)) apis.set(document, ApiDescription.read(document));
    // A file is sent where there is no body in the command.
    return request.contentType !== undefined && request.body === undefined
      ? apis.get(document)?.requestFault({ ...request, body: '' })
      : apis.get(document)?.requestFault(request);
  };

  it('shows commands that the services take as they are described', () => {
    const all = requests(page);
    expect(all.length).toBeGreaterThan(5);
    const faults = all.map((request) => [request.method, request.path, faultOf(request)]);
    expect(faults.filter(([, , fault]) => fault !== undefined)).toEqual([]);
  });
});

it('understands what a shell would', () =>
  expect(
    commands(`A=http://x B='"k":"v"'\nls\ncurl -X POST $A/p -d "{$B,\\"n\\":1}"; curl $A/q -d '{ "$A":\n 1 }'`),
  ).toEqual([
    ['curl', '-X', 'POST', 'http://x/p', '-d', '{"k":"v","n":1}'],
    ['curl', 'http://x/q', '-d', '{ "$A":\n 1 }'],
  ]));
