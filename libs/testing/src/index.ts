export { createDatabase, dropDatabase } from './stack/database';
export { createSubtree, createTree, removeSubtree, type LdapAccess } from './stack/directory';
export { startKafka, type Kafka, type KafkaOptions } from './stack/kafka';
export { startPostgres, type Postgres, type PostgresOptions, type StackMode } from './stack/postgres';
export {
  freePorts,
  isAlive,
  spawnTied,
  until,
  type Ending,
  type SpawnOptions,
  type TiedProcess,
} from './stack/process';
export { LOCAL_BASE_DN, runLdapTool, startSlapd, type Slapd, type SlapdOptions } from './stack/slapd';
export { ldapAccess, startStack, suiteName, type Stack, type StackOptions, type StackSettings } from './stack/stack';
export { createServices, Service, type Installation, type ServiceName } from './services';
export { repositoryRoot } from './stack/folder';
export { ApiDescription, type ApiRequest } from './api-description';
