import tseslint from "typescript-eslint";

const never = [
  { selector: "TSEnumDeclaration", message: "Use a union of string literals." },
  { selector: "TSNonNullExpression", message: "Prove it with a check instead of `!`." },
];

export default tseslint.config(
  { ignores: ["node_modules/", "coverage/", "data/", "dist/", "**/target/", "**/build/", "**/assembly/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "no-restricted-syntax": ["error", ...never],
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: false }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "max-lines-per-function": ["error", { max: 40, skipComments: true, skipBlankLines: true }],
      "max-params": ["error", 4],
      eqeqeq: "error",
    },
  },
  {
    files: ["test/**/*.ts", "benches/**/*.ts"],
    rules: {
      "max-lines-per-function": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
    },
  },
);
