const swcrc = JSON.parse(require('node:fs').readFileSync(`${__dirname}/.swcrc`, 'utf8'));
delete swcrc.jsc.baseUrl;
delete swcrc.jsc.paths;

// Packages published as ES modules only: Jest runs CommonJS, so swc compiles these too.
const esm = [
  '@nestjs',
  '@borewit',
  '@tokenizer',
  'cookie',
  'csv-parse',
  'es-toolkit',
  'fast-check',
  'file-type',
  'iterare',
  'ldapts',
  'load-esm',
  'pure-rand',
  'strtok3',
  'token-types',
  'uint8array-extras',
  'uuid',
];

const base = {
  rootDir: __dirname,
  cacheDirectory: `${__dirname}/.local/jest`,
  testEnvironment: 'node',
  setupFiles: ['reflect-metadata'],
  transform: { '^.+\\.(t|j|mj)s$': ['@swc/jest', { ...swcrc, swcrc: false }] },
  transformIgnorePatterns: [`/node_modules/(?!(?:${esm.join('|')})/)`],
  moduleFileExtensions: ['ts', 'js', 'mjs', 'json'],
  moduleNameMapper: { '^@myelin/([^/]+)$': '<rootDir>/libs/$1/src', '^(\\.{1,2}/.*)\\.js$': '$1' },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.local/'],
};

module.exports = {
  maxWorkers: 2,
  // A test that waits for real servers on a busy machine; one that needs longer says so.
  testTimeout: 30_000,
  projects: [
    {
      ...base,
      displayName: 'unit',
      testMatch: ['<rootDir>/{apps,libs,bench,deploy}/**/*.spec.ts'],
      testPathIgnorePatterns: ['\\.int\\.spec\\.ts$'],
    },
    { ...base, displayName: 'integration', testMatch: ['<rootDir>/{apps,libs}/**/*.int.spec.ts'] },
    { ...base, displayName: 'end-to-end', testMatch: ['<rootDir>/test/**/*.spec.ts'] },
  ],
};
