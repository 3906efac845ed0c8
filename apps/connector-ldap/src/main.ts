import { startConnector } from '@myelin/connector-runtime';
import { directoryEnvironment, directoryOf } from './environment.js';
import { ldapConnector } from './ldap.connector.js';

void startConnector({
  name: 'connector-ldap',
  title: 'SUPANN directory connector',
  main: __filename,
  settings: directoryEnvironment,
  define: (environment) => ({ connector: ldapConnector(directoryOf(environment)), entities: ['structure', 'person'] }),
});
