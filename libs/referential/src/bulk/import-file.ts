import { applyDecorators } from '@nestjs/common';
import { ApiBody, ApiConsumes, ApiQuery } from '@nestjs/swagger';
import { ProblemError } from '@myelin/platform';
import type { Request } from 'express';
import { IMPORT_FORMATS, type ImportFormat } from './import-reader.js';

/** A request whose body is a file of source records, in the API description. */
export const FileBody = () =>
  applyDecorators(
    ApiQuery({ name: 'source', description: 'Name of the source: lower-case letters, digits and -' }),
    ApiQuery({ name: 'format', enum: [...IMPORT_FORMATS] }),
    ApiConsumes('application/x-ndjson', 'text/csv'),
    ApiBody({
      schema: {
        type: 'string',
        format: 'binary',
        description:
          'NDJSON: `{"sourceId": "…", …}` per line. CSV: header of paths (`sourceId;birthName;givenNames.0;…`).',
      },
    }),
  );

/** Works on the file that is the body of a request, of any size: it is read as it comes. */
export async function withFile<T>(
  request: Request,
  format: string | undefined,
  work: (format: ImportFormat, bytes: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  if (!(IMPORT_FORMATS as readonly (string | undefined)[]).includes(format)) {
    throw new ProblemError('malformed-request', `format must be one of ${IMPORT_FORMATS.join(', ')}`);
  }
  if (request.is('application/json')) {
    throw new ProblemError('unsupported-media-type', 'send the file as application/x-ndjson or text/csv');
  }
  const bytes = request.iterator({ destroyOnReturn: false });
  try {
    return await work(format as ImportFormat, bytes);
  } finally {
    // The rest of a file that was given up is passed over: the answer and the next request come by the same connection.
    void bytes.return?.().then(() => request.resume());
  }
}
