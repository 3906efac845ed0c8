import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Param,
  Patch,
  Post,
  Query,
  Req,
  Res,
  type Type,
} from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiHeader, ApiOperation, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { STATUSES } from '@myelin/contracts';
import { ProblemError, wholeNumber } from '@myelin/platform';
import type { Request, Response } from 'express';
import { pivotName, type ReferentialDefinition } from '../definition.js';
import { Inject } from '@nestjs/common';
import { RecordService, type RecordView } from './record.service.js';
import { causeOf, fieldProblem, instantOf, masterId, oneOf, pageStart, revisionSeen } from '../request.js';
import { SORTS, type ListFilter, type Page, type Position } from './list.js';
import { shortName } from './number.js';

const tag = (response: Response, record: RecordView) => response.setHeader('ETag', `"${record.revision}"`);

/** The controller of the master records of one referential. */
export function recordController(definition: ReferentialDefinition): Type {
  const pivot = pivotName(definition);
  const document = { $ref: `#/components/schemas/${pivot}` };
  const master = {
    allOf: [
      document,
      {
        type: 'object',
        required: ['id', 'revision', 'status'],
        properties: {
          id: { type: 'string', format: 'uuid' },
          revision: { type: 'integer' },
          status: { type: 'string', enum: [...STATUSES] },
        },
      },
    ],
  };
  const reason = { schema: { type: 'object', properties: { reason: { type: 'string', maxLength: 500 } } } };

  @ApiTags(definition.path)
  @Controller(definition.path)
  class RecordController {
    constructor(@Inject(RecordService) private readonly records: RecordService) {}

    @Get()
    @ApiOperation({ summary: 'List records, or find the one that holds an identifier or has a number' })
    @ApiQuery({ name: 'limit', required: false, schema: { type: 'integer', minimum: 1, maximum: 200, default: 50 } })
    @ApiQuery({ name: 'cursor', required: false, description: '`next` of the page before' })
    @ApiQuery({ name: 'sort', required: false, enum: [...SORTS], description: 'id unless told otherwise' })
    @ApiQuery({ name: 'status', required: false, enum: [...STATUSES] })
    @ApiQuery({
      name: 'role',
      required: false,
      enum: [...definition.roleNames],
      description: 'A role that is held now',
    })
    @ApiQuery({ name: 'name', required: false, description: 'Beginning of the name, in any case' })
    @ApiQuery({ name: 'updatedSince', required: false, schema: { type: 'string', format: 'date-time' } })
    @ApiQuery({ name: 'identifier', required: false, description: '`scheme:value`' })
    @ApiQuery({ name: 'number', required: false, description: `Short name (\`${shortName(definition.letter, 1)}\`)` })
    @ApiQuery({
      name: 'asOf',
      required: false,
      schema: { type: 'string', format: 'date-time' },
      description: 'As it was then; by id, with `status` at most',
    })
    @ApiQuery({
      name: 'fields',
      required: false,
      description: 'Attributes to give, separated by commas; id, revision and status always',
    })
    @ApiQuery({
      name: 'count',
      required: false,
      enum: ['yes'],
      description: 'How many there are: exact up to 10,000, estimated above',
    })
    @ApiResponse({
      status: 200,
      schema: {
        type: 'object',
        properties: {
          items: { type: 'array', items: master },
          next: { type: 'string', nullable: true },
          total: { type: 'object', properties: { count: { type: 'integer' }, estimated: { type: 'boolean' } } },
        },
      },
    })
    async list(@Query() query: Record<string, string | undefined>) {
      const { identifier, number, asOf, count } = query;
      const only = fieldsOf(query['fields']);
      if (identifier !== undefined || number !== undefined) {
        const key = identifier === undefined ? { number: number as string } : identifierKey(identifier);
        return { items: (await this.records.find(key)).map(only), next: null };
      }
      const filter = filterOf(query, definition.roleNames);
      const page = pageOf(query);
      const { items, last } =
        asOf === undefined
          ? await this.records.list(filter, page)
          : await this.records.listAsOf(instantOf('asOf', asOf), filter, page);
      const total = count === 'yes' && asOf === undefined ? { total: await this.records.count(filter) } : {};
      return { items: items.map(only), next: last && cursorOf(last), ...total };
    }

    @Get(':id')
    @ApiOperation({ summary: 'Read one record' })
    @ApiQuery({
      name: 'asOf',
      required: false,
      schema: { type: 'string', format: 'date-time' },
      description: 'As it was then',
    })
    @ApiQuery({
      name: 'fields',
      required: false,
      description: 'Attributes to give, separated by commas; id, revision and status always',
    })
    @ApiHeader({ name: 'If-None-Match', required: false, description: 'ETag of the revision that is known' })
    @ApiResponse({
      status: 200,
      schema: master,
      headers: { ETag: { description: 'The revision, for If-Match', schema: { type: 'string' } } },
    })
    @ApiResponse({ status: 301, description: 'It was merged: Location names the record that took over' })
    @ApiResponse({ status: 304, description: 'It is still at that revision' })
    async get(
      @Param('id') id: string,
      @Query('asOf') asOf: string | undefined,
      @Query('fields') fields: string | undefined,
      @Res({ passthrough: true }) response: Response,
    ) {
      const record = await this.records.get(masterId(id), asOf === undefined ? undefined : instantOf('asOf', asOf));
      tag(response, record);
      if (record.survivor !== undefined && asOf === undefined) {
        response.status(301).setHeader('Location', `/${definition.path}/${record.survivor}`);
      }
      return fieldsOf(fields)(record);
    }

    @Post()
    @ApiOperation({ summary: 'Create a record' })
    @ApiHeader({
      name: 'Idempotency-Key',
      required: false,
      description: 'The same key and document again answer the same record',
    })
    @ApiBody({ schema: document })
    @ApiResponse({ status: 201, schema: master })
    async create(
      @Body() body: unknown,
      @Headers('idempotency-key') key: string | undefined,
      @Req() request: Request,
      @Res({ passthrough: true }) response: Response,
    ) {
      if (key !== undefined && !/^[\x21-\x7e]{1,128}$/.test(key)) {
        throw new ProblemError('malformed-request', 'Idempotency-Key must be 1 to 128 printable ASCII characters');
      }
      const { record, created } = await this.records.create(body, key, causeOf(request));
      tag(response, record);
      response.status(created ? 201 : 200).setHeader('Location', `/${definition.path}/${record.id}`);
      return preferred(request, response, record);
    }

    @Patch(':id')
    @ApiOperation({ summary: 'Change a record (JSON merge patch)' })
    @ApiConsumes('application/merge-patch+json', 'application/json')
    @ApiHeader({ name: 'If-Match', required: true, description: 'ETag of the revision that was read' })
    @ApiBody({ schema: { type: 'object' } })
    @ApiResponse({ status: 200, schema: master })
    @ApiResponse({ status: 412, description: 'The record has changed since' })
    async patch(
      @Param('id') id: string,
      @Body() body: unknown,
      @Req() request: Request,
      @Res({ passthrough: true }) response: Response,
    ) {
      const record = await this.records.patch(masterId(id), revisionSeen(request), body, causeOf(request));
      tag(response, record);
      return preferred(request, response, record);
    }

    @Post(':id/deactivation')
    @HttpCode(200)
    @ApiOperation({ summary: 'End a record: it stays, inactive' })
    @ApiBody({ ...reason, required: false })
    deactivate(@Param('id') id: string, @Body() body: unknown, @Req() request: Request) {
      return this.records.setActive(masterId(id), false, causeOf(request, reasonIn(body)));
    }

    @Post(':id/reactivation')
    @HttpCode(200)
    @ApiOperation({ summary: 'Open an inactive record again' })
    @ApiBody({ ...reason, required: false })
    reactivate(@Param('id') id: string, @Body() body: unknown, @Req() request: Request) {
      return this.records.setActive(masterId(id), true, causeOf(request, reasonIn(body)));
    }
  }
  return RecordController;
}

/** RFC 7240: whoever wants no body gets none. */
function preferred(request: Request, response: Response, record: RecordView): RecordView | undefined {
  if (!/(^|[,;\s])return=minimal($|[,;\s])/.test(request.header('prefer') ?? '')) return record;
  response.setHeader('Preference-Applied', 'return=minimal');
  return undefined;
}

/** Always given. */
const KEPT = new Set(['id', 'number', 'revision', 'status', 'survivor']);

function fieldsOf(text: string | undefined): (record: RecordView) => Partial<RecordView> {
  if (text === undefined) return (record) => record;
  const wanted = new Set(text.split(',').map((name) => name.trim()));
  return (record) => Object.fromEntries(Object.entries(record).filter(([name]) => KEPT.has(name) || wanted.has(name)));
}

function filterOf(query: Record<string, string | undefined>, roles: readonly string[]): ListFilter {
  const { status, role, name, updatedSince } = query;
  if (name?.includes('\0')) throw new ProblemError('malformed-request', 'name must be text');
  return {
    ...(status === undefined ? {} : { status: oneOf('status', status, STATUSES) }),
    ...(role === undefined ? {} : { role: oneOf('role', role, roles) }),
    ...(name === undefined ? {} : { name }),
    ...(updatedSince === undefined ? {} : { updatedSince: instantOf('updatedSince', updatedSince) }),
  };
}

function pageOf({ limit, cursor, sort }: Record<string, string | undefined>): Page {
  const by = oneOf('sort', sort ?? 'id', SORTS);
  return {
    sort: by,
    limit: wholeNumber('limit', limit, 1, 200, 50),
    ...(cursor === undefined
      ? {}
      : { after: by === 'id' ? { value: null, id: pageStart(cursor) } : positionIn(cursor) }),
  };
}

/** The id alone where nothing else decides the order. */
const cursorOf = ({ value, id }: Position): string =>
  value === null ? id : Buffer.from(JSON.stringify([value, id])).toString('base64url');

function positionIn(cursor: string): Position {
  try {
    const [value, id] = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8')) as unknown[];
    if (typeof value === 'string' && !value.includes('\0')) return { value, id: pageStart(id) };
  } catch {
    // It is none of ours.
  }
  throw new ProblemError('malformed-request', 'cursor must be `next` of the page before');
}

function identifierKey(text: string): { scheme: string; value: string } {
  const colon = text.indexOf(':');
  if (colon < 1 || text.includes('\0')) throw new ProblemError('malformed-request', 'identifier must be scheme:value');
  return { scheme: text.slice(0, colon), value: text.slice(colon + 1) };
}

function reasonIn(body: unknown): string | undefined {
  const reason = (body as { reason?: unknown } | undefined)?.reason;
  if (reason === undefined) return undefined;
  if (typeof reason === 'string' && reason.length <= 500 && !reason.includes('\0')) return reason;
  throw fieldProblem('reason', 'must be text of at most 500 characters');
}
