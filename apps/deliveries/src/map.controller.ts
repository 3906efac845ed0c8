import { Controller, Get, Header, Inject, Query } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiQuery, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ProblemError, wholeNumber } from '@myelin/platform';
import { DataSource } from 'typeorm';
import { mapOf } from './map.js';
import { drawMap, LANGUAGES, type Language } from './map.svg.js';
import { ApplicationMap } from './map.views.js';
import { publishedFlows, pulses } from './overview.sql.js';

const WEEK = 7 * 24;
const HOURS = ApiQuery({
  ...{ name: 'hours', required: false, description: 'Sources that gave something within so many hours' },
  schema: { type: 'integer', minimum: 1, maximum: WEEK, default: WEEK },
});

/** Which applications exchange what, as it is and not as somebody drew it. */
@ApiTags('overview')
@Controller()
export class MapController {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  @Get('map')
  @HOURS
  @ApiOperation({
    summary: 'Sources, records and connectors in service; a connector that is disabled is not on the map',
  })
  @ApiResponse({ status: 200, type: ApplicationMap })
  async map(@Query('hours') text?: string): Promise<ApplicationMap> {
    const hours = wholeNumber('hours', text, 1, WEEK, WEEK);
    const [published, alive] = await Promise.all([publishedFlows(this.dataSource, hours), pulses(this.dataSource)]);
    return mapOf(published, alive);
  }

  @Get('map.svg')
  @Header('Content-Type', 'image/svg+xml; charset=utf-8')
  @ApiProduces('image/svg+xml')
  @HOURS
  @ApiQuery({ name: 'lang', required: false, enum: [...LANGUAGES] })
  @ApiOperation({ summary: 'The map as a picture' })
  @ApiResponse({ status: 200, schema: { type: 'string' } })
  async picture(@Query('hours') hours?: string, @Query('lang') lang = 'en'): Promise<string> {
    if (!(LANGUAGES as readonly string[]).includes(lang))
      throw new ProblemError('malformed-request', `lang must be one of ${LANGUAGES.join(', ')}`);
    return drawMap(await this.map(hours), lang as Language);
  }
}
