import { randomUUID } from 'node:crypto';
import { createLogger, openDatabase } from '@myelin/platform';
import { TestDatabase } from './database.testing.js';
import { MIGRATIONS } from './migrations.js';
import { AcknowledgedRows1764320000000 } from './migrations/7-acknowledged-rows.js';

it('keeps what targets have acknowledged when their rows move to a table of their own, and on the way back', async () => {
  const place = MIGRATIONS.indexOf(AcknowledgedRows1764320000000);
  const database = await TestDatabase.create(MIGRATIONS.slice(0, place));
  const [present, absent] = [randomUUID(), randomUUID()];
  const row = { label: ['A', 'é'] };
  await database.dataSource.query(
    `insert into ledger (entity, id, priority, status, target_row) values ('structure', $1, 0, 'applied', $3), ('structure', $2, 0, 'absent', null)`,
    [present, absent, row],
  );
  const logger = createLogger('spec', 'fatal');
  const settings = {
    url: database.url,
    applicationName: 'test',
    entities: [],
    migrations: MIGRATIONS.slice(0, place + 1),
    logger,
  };
  const later = await openDatabase(settings);
  try {
    expect(await later.query('select entity, id, row from acknowledged_row')).toEqual([
      { entity: 'structure', id: present, row },
    ]);
    await later.undoLastMigration();
    expect(await later.query('select id, target_row as row from ledger where target_row is not null')).toEqual([
      { id: present, row },
    ]);
    expect(await later.query('select id from ledger where target_row is null')).toEqual([{ id: absent }]);
  } finally {
    await later.destroy();
    await database.drop();
  }
});
