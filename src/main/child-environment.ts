// What the children of `up` may know of its environment: no key of a model, no URL of a database, no secret of ours.

const EVERY =
  /^(?:PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TZ|LANG|LC_[A-Z]+|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SSL_CERT_DIR|NO_COLOR|FORCE_COLOR)$/;
/** The worker asks the web and providers, runs local models, and frees memory as its parent does. */
const WORKER =
  /^(?:HTTP_PROXY|HTTPS_PROXY|NO_PROXY|http_proxy|https_proxy|no_proxy|LD_LIBRARY_PATH|CUDA_VISIBLE_DEVICES|GGML_VK_VISIBLE_DEVICES|MALLOC_ARENA_MAX|MALLOC_TRIM_THRESHOLD_)$/;

/** The settings of the edge, none of which is a secret. */
const EDGE = /^BOWLINE_EDGE_[A-Z_]+$/;

type Environment = Readonly<Record<string, string | undefined>>;

export const edgeEnvironment = (env: Environment): Record<string, string> => only(env, [EVERY, EDGE]);

export const workerEnvironment = (env: Environment): Record<string, string> => only(env, [EVERY, WORKER]);

const only = (env: Environment, kept: readonly RegExp[]): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value !== undefined && kept.some((names) => names.test(name)) ? [[name, value]] : [],
    ),
  );
