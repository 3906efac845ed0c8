import { startConnector } from '@myelin/connector-runtime';
import { secret, url } from '@myelin/platform';
import { sampleConnector } from './sample.connector.js';

void startConnector({
  name: 'connector-sample',
  title: 'Sample connector',
  main: __filename,
  settings: { SAMPLE_URL: url(['http', 'https']), SAMPLE_TOKEN: secret() },
  define: ({ SAMPLE_URL, SAMPLE_TOKEN }) => ({
    connector: sampleConnector({ url: SAMPLE_URL, token: SAMPLE_TOKEN }),
    entities: ['structure'],
  }),
});
