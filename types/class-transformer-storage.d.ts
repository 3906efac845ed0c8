/** Not part of the typed surface of class-transformer, but where class-validator-jsonschema reads nested types. */
declare module 'class-transformer/cjs/storage' {
  import type { ClassTransformOptions } from 'class-transformer';
  export const defaultMetadataStorage: NonNullable<
    Parameters<typeof import('class-validator-jsonschema').validationMetadatasToSchemas>[0]
  >['classTransformerMetadataStorage'] & { options?: ClassTransformOptions };
}
