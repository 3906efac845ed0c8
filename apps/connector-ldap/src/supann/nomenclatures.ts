/** Codes of entity types, label {SUPANN} (nomenclature of 2021-06-10, see README.md). */
export const ENTITY_TYPES: ReadonlySet<string> = new Set(
  (
    'C000 C010 C020 C021 C022 C023 C030 C031 C032 C033 C034 C035 C050 E101 E102 E103 E104 E105 E106 ' +
    'E107 E108 E109 E201 E202 E203 E204 E205 E206 E301 E302 E303 E304 E305 E306 E401 E801 E901 E902 ' +
    'E903 S101 S102 S103 S104 S105 S106 S107 S108 S109 S120 S200 S201 S202 S203 S204 S205 S206 S207 ' +
    'S208 S220 S221 S222 S230 S231 S233 S234 S235 S236 S237 S238 S239 S240 S241 S250 S251 S252 S253 ' +
    'S254 S255 S256 S257 S300 S301 S302 S304 S310 S311 S312 S330 S340'
  ).split(' '),
);

/** Codes of generic roles, label {SUPANN} (nomenclature of 2021-06-10, see README.md). */
export const GENERIC_ROLES: ReadonlySet<string> = new Set(
  (
    'D22 D30 D32 D34 D35 F10 F30 F42 F60 H20 H40 J60 J61 J62 J63 N10 N11 N20 N50 P00 P10 P50 P51 P70 ' +
    'P71 R00 R40 R41 R42 R43 S01 S10 S11 S12 S13 S14 S15 S16 S17 S20 S21 T31 T32 T65 T80 T81 T82 T83 ' +
    'T84 X00 X51 X70 X71 X80'
  ).split(' '),
);

/** Years in a course, label {SUPANN}: bachelor, master and doctorate years, others, years after the baccalauréat. */
export const COURSE_YEAR = /^(L[1-3]|M[12]|D[1-9]|X[1-9]?|B\d{1,2})$/;

/** Stands in a mandatory field of a composite whose value is not known. */
export const UNKNOWN = '{INCONNU}';
