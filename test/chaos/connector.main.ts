import { startConnector } from '@myelin/connector-runtime';
import { choice, url } from '@myelin/platform';
import { chaosConnector } from './connector.js';

void startConnector({
  name: 'connector-chaos',
  title: 'Connector of the ordering proof',
  main: __filename,
  settings: { TARGET_URL: url(['http']), IF_MATCH: choice(['yes', 'no']) },
  define: ({ TARGET_URL, IF_MATCH }) => ({
    connector: chaosConnector({ url: TARGET_URL.replace(/\/$/, ''), ifMatch: IF_MATCH === 'yes' }),
    entities: ['structure'],
  }),
});
