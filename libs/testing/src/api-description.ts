import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { repositoryRoot } from './stack/folder';

interface Parameter {
  readonly name: string;
  readonly in: string;
  readonly schema?: { readonly enum?: readonly string[] };
}
type Content = Readonly<Record<string, { readonly schema: object }>>;
interface Operation {
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly required?: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly content?: Content } | undefined>>;
}
interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** A request, its path without the address of the service. */
export interface ApiRequest {
  readonly method: string;
  /** With the query, as it stands in a URL. */
  readonly path: string;
  readonly contentType?: string | undefined;
  /** What the body holds; undefined for none. */
  readonly body?: unknown;
}

/** The OpenAPI document of a service, to hold requests and answers to: what it does not describe is a fault. */
export class ApiDescription {
  private readonly ajv = addFormats(new Ajv2020({ strict: false, validateSchema: false }));

  private constructor(private readonly document: Document) {
    this.ajv.addSchema(document, 'api');
  }

  /** Reads a committed document, by its path in the repository. */
  static read(path: string): ApiDescription {
    return new ApiDescription(
      JSON.parse(readFileSync(join(repositoryRoot(), path), 'utf8'), (_, value: unknown) => closed(value)) as Document,
    );
  }

  /** What is wrong with a request; undefined when it is as described. */
  requestFault({ method, path, contentType, body }: ApiRequest): string | undefined {
    const { pathname, searchParams } = new URL(path, 'http://any');
    const found = this.find(method, pathname);
    if (!found) return `there is no ${method} ${pathname}`;
    const { operation, pointer } = found;
    for (const [name, value] of searchParams) {
      const parameter = operation.parameters?.find((one) => one.in === 'query' && one.name === name);
      if (!parameter) return `${method} ${pathname} has no parameter ${name}`;
      if (parameter.schema?.enum?.includes(value) === false) return `${name} cannot be ${value}`;
    }
    const { requestBody } = operation;
    if (body === undefined) return requestBody?.required ? 'a body is missing' : undefined;
    const type = contentType ?? '';
    if (!requestBody?.content[type]) return `${method} ${pathname} takes no ${type === '' ? 'body' : type}`;
    return this.fault(`${pointer}/requestBody/content/${escape(type)}/schema`, body);
  }

  /** What is wrong with an answer; undefined when it is as described. */
  answerFault(method: string, path: string, status: number, body: unknown): string | undefined {
    const { pathname } = new URL(path, 'http://any');
    const found = this.find(method, pathname);
    if (!found?.operation.responses[status]?.content) return `${method} ${pathname} describes no answer ${status}`;
    return this.fault(`${found.pointer}/responses/${status}/content/${escape('application/json')}/schema`, body);
  }

  private fault(pointer: string, value: unknown): string | undefined {
    const validate = this.ajv.compile({ $ref: `api#${pointer}` });
    return validate(value) ? undefined : this.ajv.errorsText(validate.errors);
  }

  /** A path that is spelt out goes before one with parameters. */
  private find(method: string, pathname: string): { operation: Operation; pointer: string } | undefined {
    const templates = Object.keys(this.document.paths).sort((a, b) => a.split('{').length - b.split('{').length);
    for (const template of templates) {
      const operation = this.document.paths[template]?.[method.toLowerCase()];
      const pointer = `/paths/${escape(template)}/${method.toLowerCase()}`;
      if (operation && matches(template, pathname, operation)) return { operation, pointer };
    }
    return undefined;
  }
}

function matches(template: string, pathname: string, { parameters }: Operation): boolean {
  const [wanted, given] = [template.split('/'), pathname.split('/')];
  return (
    wanted.length === given.length &&
    wanted.every((part, index) => {
      const name = /^\{(.*)\}$/.exec(part)?.[1];
      if (name === undefined) return part === given[index];
      const allowed = parameters?.find((one) => one.in === 'path' && one.name === name)?.schema?.enum;
      return given[index] !== '' && allowed?.includes(given[index] ?? '') !== false;
    })
  );
}

/** The object schemas of a document describe all of their fields. */
function closed(value: unknown): unknown {
  const isOpen =
    typeof value === 'object' && value !== null && 'properties' in value && !('additionalProperties' in value);
  return isOpen ? { ...value, additionalProperties: false } : value;
}

const escape = (part: string) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1'));
