import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { ENTITIES, EXTENSION_NAME, unstorable } from '@myelin/contracts';

type JsonSchema = Readonly<Record<string, unknown>>;

/** Most bytes of an answer. */
export const MOST_BYTES = 64 * 1024;
/** Most members of one object of an answer. */
const MOST_MEMBERS = 100;

export const TIMESTAMP_HEADER = 'X-Myelin-Timestamp';
export const SIGNATURE_HEADER = 'X-Myelin-Signature';
export const CORRELATION_HEADER = 'X-Correlation-Id';

/** What a hook is asked. */
export interface Question {
  readonly entity: string;
  readonly id: string;
  readonly epoch: number;
  readonly revision: number;
  /** The granted fields of the record, where it has them. */
  readonly record: Readonly<Record<string, unknown>>;
}

const QUESTION: JsonSchema = {
  type: 'object',
  required: ['entity', 'id', 'epoch', 'revision', 'record'],
  properties: {
    entity: { type: 'string', enum: ENTITIES },
    id: { type: 'string', format: 'uuid', description: 'Master id' },
    epoch: { type: 'integer', minimum: 0 },
    revision: { type: 'integer', minimum: 0, description: 'With the epoch, the version of the record' },
    record: {
      type: 'object',
      description:
        'The fields of the record that the settings of the connector grant, where it has them, in the form of its golden state (libs/contracts/generated/<entity>.master.schema.json)',
    },
  },
};

/** JSON Schema of what a hook may answer: for one namespace, or, as it is published, for that of any connector. */
function answerSchema(namespace?: string): JsonSchema {
  const names = { maxProperties: MOST_MEMBERS, propertyNames: { pattern: EXTENSION_NAME.source } };
  const scalar = { type: ['string', 'number', 'boolean', 'null'] };
  const plain = { anyOf: [scalar, { type: 'array', items: scalar }] };
  const object = { type: 'object', ...names, additionalProperties: plain };
  const content = { type: 'object', ...names, additionalProperties: { anyOf: [...plain.anyOf, object] } };
  const extensions =
    namespace === undefined
      ? { type: 'object', ...names, maxProperties: 1, additionalProperties: content }
      : { type: 'object', properties: { [namespace]: content }, additionalProperties: false };
  return { type: 'object', required: ['extensions'], properties: { extensions }, additionalProperties: false };
}

/** What a hook answered is not what it may answer: the whole of it is refused. */
export class BadAnswer extends Error {}

/** Reads the answers of a hook for one namespace: what they add to the extensions of a record. */
export function answerReader(namespace: string): (body: Buffer) => Record<string, unknown> {
  const isRight = new Ajv2020({ strict: false, strictNumbers: true }).compile(answerSchema(namespace));
  return (body) => {
    let answer: unknown;
    try {
      answer = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
    } catch {
      throw new BadAnswer('the hook answered what is no JSON');
    }
    if (!isRight(answer)) throw new BadAnswer(faultOf(isRight.errors ?? []));
    if (unstorable(answer) !== undefined) throw new BadAnswer('the hook sent a character that cannot be stored');
    return (answer as { extensions: Record<string, unknown> }).extensions;
  };
}

function faultOf(errors: readonly ErrorObject[]): string {
  // The last one is about the value as a whole of which the others name what it could have been.
  const { keyword, params, instancePath = '' } = errors.at(-1) ?? {};
  const path = instancePath.split('/').slice(1);
  if (keyword === 'additionalProperties') {
    return `the hook sent ${named([...path, String((params as { additionalProperty: unknown }).additionalProperty)])} outside its namespace`;
  }
  return `the hook sent ${named(path)} in a form that is not allowed`;
}

/** A field of an answer as it may be shown: whoever answers could put anything into its name. */
function named(path: readonly string[]): string {
  const isShown = path.length > 0 && path.every((name) => /^[A-Za-z]\w{0,39}$/.test(name));
  return isShown ? `the field "${path.join('.')}"` : path.length > 0 ? 'a field' : 'an answer';
}

/** The OpenAPI document of what an establishment must offer. */
export function hookApi(): string {
  const header = (name: string, description: string, schema: JsonSchema, required = true) => ({
    ...{ in: 'header', name, required, description, schema },
  });
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Hook of a connector',
      version: '1',
      description:
        'What the service of an establishment answers when a connector asks it to enrich a record before it is mapped (setting HOOK). ' +
        'The same question may come again: an answer depends on the question only and changes nothing. Redirects are not followed. ' +
        'Answers are taken for as long as the revision of the record and the settings of the hook stay the same.',
    },
    webhooks: {
      enrich: {
        post: {
          operationId: 'enrich',
          summary: 'What the establishment adds to a record',
          parameters: [
            header(TIMESTAMP_HEADER, 'Seconds since 1970 at which the question was signed: refuse old ones', {
              ...{ type: 'string', pattern: '^\\d+$' },
            }),
            header(
              SIGNATURE_HEADER,
              `v1= and, in hexadecimal digits, the HMAC-SHA256 under HOOK_SECRET of the value of ${TIMESTAMP_HEADER}, a full stop and the body as it was sent`,
              { type: 'string', pattern: '^v1=[0-9a-f]{64}$' },
            ),
            header(CORRELATION_HEADER, 'Of the request that changed the record', { type: 'string' }, false),
          ],
          requestBody: { required: true, content: { 'application/json': { schema: QUESTION } } },
          responses: {
            200: {
              description: `What is added, at most ${MOST_BYTES} bytes: it stands in the place of what the record has in the namespace`,
              content: {
                'application/json': {
                  schema: answerSchema(),
                  example: { extensions: { univ: { badge: 'B-1042', office: { site: 'Nord', floor: 2 } } } },
                },
              },
            },
            204: { description: 'Nothing to add' },
            default: { description: 'A failure: what follows from it is set in the connector' },
          },
        },
      },
    },
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
