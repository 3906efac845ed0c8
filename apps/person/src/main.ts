import { startReferential } from '@myelin/referential';
import { person } from './person.definition.js';

void startReferential(person);
