// Processes, found through the environment and adding up; here two of them in two threads.
#include "train/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <thread>

#include "train/shared_batch_norm.h"

namespace deixis {
namespace {

using ::testing::HasSubstr;

Result<ProcessGroupAddress> From(const std::map<std::string, std::string>& variables) {
  return ProcessGroupFromEnvironment([&](const char* name) -> const char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(ProcessGroupFromEnvironment, ReadsTorchrunAndMpirun) {
  EXPECT_EQ(From({})->size, 1);
  EXPECT_EQ(From({{"WORLD_SIZE", "1"}})->size, 1);
  const auto torchrun =
      From({{"WORLD_SIZE", "3"}, {"RANK", "0"}, {"MASTER_ADDR", "host"}, {"MASTER_PORT", "1234"}});
  ASSERT_TRUE(torchrun.ok());
  EXPECT_EQ(torchrun->size, 3);
  EXPECT_EQ(torchrun->host, "host");
  EXPECT_EQ(torchrun->port, 1234);
  EXPECT_TRUE(torchrun->hosts_store);
  const auto agent = From({{"WORLD_SIZE", "3"},
                           {"RANK", "0"},
                           {"MASTER_ADDR", "host"},
                           {"TORCHELASTIC_USE_AGENT_STORE", "True"}});
  EXPECT_FALSE(agent->hosts_store);
  const auto mpirun = From(
      {{"OMPI_COMM_WORLD_SIZE", "2"}, {"OMPI_COMM_WORLD_RANK", "1"}, {"MASTER_ADDR", "127.0.0.1"}});
  EXPECT_EQ(mpirun->rank, 1);
  EXPECT_FALSE(mpirun->hosts_store);
}

TEST(ProcessGroupFromEnvironment, NamesWhatIsMissing) {
  const auto message = [](const std::map<std::string, std::string>& variables) {
    const auto address = From(variables);
    return address.ok() ? std::string("none") : address.error().message;
  };
  EXPECT_THAT(message({{"WORLD_SIZE", "2"}}), HasSubstr("RANK"));
  EXPECT_THAT(message({{"WORLD_SIZE", "2"}, {"RANK", "2"}}), HasSubstr("0..1"));
  EXPECT_THAT(message({{"WORLD_SIZE", "two"}}), HasSubstr("WORLD_SIZE"));
  EXPECT_THAT(message({{"WORLD_SIZE", "2"}, {"RANK", "0"}}), HasSubstr("MASTER_ADDR"));
  EXPECT_THAT(
      message({{"WORLD_SIZE", "2"}, {"RANK", "0"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "0"}}),
      HasSubstr("MASTER_PORT"));
}

TEST(ShareOf, DividesAll) {
  for (int64_t count : {0, 1, 5, 16}) {
    int64_t next = 0;
    for (int rank = 0; rank < 3; ++rank) {
      const Share share = ShareOf(count, rank, 3);
      EXPECT_EQ(share.begin, next);
      next = share.end;
    }
    EXPECT_EQ(next, count);
  }
}

// What LibTorch's own batch norm makes of the whole batch, forwards and backwards.
TEST(SharedBatchNorm, OfTwoIsThatOfOne) {
  torch::manual_seed(1);
  const torch::Tensor input = torch::randn({6, 5, 4, 3}) * 3 + 2;
  const torch::Tensor weight = torch::rand({5}) + 0.5;
  const torch::Tensor bias = torch::randn({5});
  const torch::Tensor factor = torch::randn_like(input);  // the loss is its inner product

  torch::Tensor whole = input.clone().set_requires_grad(true);
  torch::Tensor whole_weight = weight.clone().set_requires_grad(true);
  torch::Tensor mean = torch::zeros({5});
  torch::Tensor variance = torch::ones({5});
  const torch::Tensor expected = torch::batch_norm(whole, whole_weight, bias, mean, variance,
                                                   /*training=*/true, 0.1, 1e-5, false);
  (expected * factor).sum().backward();

  // The first port that is free of a few.
  torch::Tensor answers[2], gradients[2], weight_gradients[2], means[2], variances[2];
  bool joined = false;
  for (int port = 29611; port < 29621 && !joined; ++port) {
    bool is_joined[2] = {false, false};
    const auto work = [&](int rank) {
      const auto processes = Processes::Join(
          {.rank = rank, .size = 2, .host = "127.0.0.1", .port = port, .hosts_store = rank == 0},
          std::chrono::seconds(20));
      if (!processes.ok()) return;
      is_joined[rank] = true;
      const Share share = rank == 0 ? Share{0, 2} : Share{2, 6};  // of different sizes
      torch::Tensor own = input.slice(0, share.begin, share.end).clone().set_requires_grad(true);
      torch::Tensor own_weight = weight.clone().set_requires_grad(true);
      means[rank] = torch::zeros({5});
      variances[rank] = torch::ones({5});
      answers[rank] = SharedBatchNorm(own, own_weight, bias, means[rank], variances[rank], 0.1,
                                      1e-5, **processes);
      (answers[rank] * factor.slice(0, share.begin, share.end)).sum().backward();
      gradients[rank] = own.grad();
      weight_gradients[rank] = own_weight.grad();
    };
    std::thread second(work, 1);
    work(0);
    second.join();
    joined = is_joined[0] && is_joined[1];
  }
  ASSERT_TRUE(joined);
  const auto near = [](const torch::Tensor& a, const torch::Tensor& b) {
    return (a - b).abs().max().item<double>() < 1e-5 * (1 + b.abs().max().item<double>());
  };
  EXPECT_TRUE(near(torch::cat({answers[0], answers[1]}), expected));
  EXPECT_TRUE(near(torch::cat({gradients[0], gradients[1]}), whole.grad()));
  EXPECT_TRUE(near(weight_gradients[0] + weight_gradients[1], whole_weight.grad()));
  EXPECT_FALSE(near(weight_gradients[0], whole_weight.grad()));  // `near` can say no
  for (int rank = 0; rank < 2; ++rank) {
    EXPECT_TRUE(near(means[rank], mean));
    EXPECT_TRUE(near(variances[rank], variance));
  }
  EXPECT_TRUE(torch::equal(means[0], means[1]));
}

}  // namespace
}  // namespace deixis
