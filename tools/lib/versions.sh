# What keyloom is built on: versions, checksums, build options. Sourced by dependencies.sh; its
# checksum names the file through which CMake finds what was built (cmake/dependencies.cmake),
# so that checkouts of different commits share one cache.

caf_version=0.18.7
caf_below=0.19
caf_package=actor-framework=0.18.7-1~exp1
caf_suite=experimental
caf_tarball=actor-framework_0.18.7.orig.tar.gz
caf_sha256=d5c3abe8fd67a729aab1baeece10367637d903ba335f4c79378bcadfbcd34552
# Unity batches and no debug symbols: 80 s on two cores instead of 266.
caf_options=(
  -DCMAKE_BUILD_TYPE=None
  -DCMAKE_CXX_STANDARD=20
  "-DCMAKE_CXX_FLAGS=-O2 -g0 -w"
  -DBUILD_SHARED_LIBS=OFF
  -DCAF_ENABLE_EXAMPLES=OFF
  -DCAF_ENABLE_TESTING=OFF
  -DCAF_ENABLE_TOOLS=OFF
  -DCAF_ENABLE_OPENSSL_MODULE=OFF
  -DCAF_LOG_LEVEL=INFO
  -DCMAKE_UNITY_BUILD=ON
  -DCMAKE_UNITY_BUILD_BATCH_SIZE=72
)

# Instead of its flags above, for the thread sanitizer.
caf_thread_flags="-O2 -g1 -w -fsanitize=thread -fno-omit-frame-pointer"

rdkafka_version=2.14.2
rdkafka_package=librdkafka=2.14.2-1
rdkafka_suite=sid
rdkafka_tarball=librdkafka_2.14.2.orig.tar.gz
rdkafka_sha256=4d53568c13717b167d12c7b2a0fe12aeb5d6bfe02de53df5b68f86d870a81b33
# C11 threads crash every program that runs under the thread sanitizer.
rdkafka_options=(
  --disable-gssapi
  --disable-curl
  --disable-lz4-ext
  --disable-debug-symbols
  --disable-c11threads
  --no-download
)
# Besides, for the thread sanitizer.
rdkafka_thread_options=("--CFLAGS=-fsanitize=thread -fno-omit-frame-pointer")
