// Who may import whom (docs/architecture.md, "Libraries"). Type-only imports count.
const MAY_IMPORT = {
  contracts: [],
  platform: ['contracts'],
  messaging: ['contracts', 'platform'],
  referential: ['contracts', 'messaging', 'platform'],
  connector: ['contracts'],
  'connector-runtime': ['contracts', 'connector', 'messaging', 'platform'],
};

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...Object.entries(MAY_IMPORT).map(([lib, allowed]) => ({
      name: `lib-${lib}`,
      severity: 'error',
      from: { path: `^libs/${lib}/`, pathNot: '\\.(spec|testing)\\.ts$' },
      to: { path: '^(libs|apps|test|bench|deploy)/', pathNot: [lib, ...allowed].map((name) => `^libs/${name}/`) },
    })),
    {
      name: 'apps-stand-alone',
      severity: 'error',
      from: { path: '^apps/([^/]+)/' },
      to: { path: '^(apps|test|bench|deploy)/', pathNot: '^apps/$1/' },
    },
    {
      name: 'only-specs-import-testing',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '(\\.(spec|testing)\\.ts$|^libs/testing/)' },
      to: { path: '^libs/testing/' },
    },
    {
      name: 'libs-through-their-index',
      severity: 'error',
      from: { path: '^(apps|libs|test|bench|deploy)/([^/]+)/' },
      to: { path: '^libs/([^/]+)/src/(?!index\\.ts$)', pathNot: '^libs/$2/' },
    },
    {
      name: 'kafkajs-behind-messaging',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '(^libs/(messaging|testing)/|\\.spec\\.ts$)' },
      to: { path: 'node_modules/kafkajs' },
    },
    {
      name: 'ldap-drivers-behind-the-port',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: '(^apps/connector-ldap/src/ldap/|^libs/testing/|\\.spec\\.ts$)' },
      to: { path: 'node_modules/(ldapjs|ldapts)' },
    },
    {
      name: 'connector-spi-is-plain',
      severity: 'error',
      from: { path: '^libs/(connector|contracts)/', pathNot: '\\.spec\\.ts$' },
      to: { path: 'node_modules/(@nestjs|kafkajs|typeorm|pg)/' },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
