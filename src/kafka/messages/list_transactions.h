// ListTransactions (key 66): transactions that this broker coordinates.
#pragma once

#include "kafka/message.h"

namespace godwit::kafka {

struct ListTransactionsResponse;

struct ListTransactionsRequest {
  static constexpr ApiKey kApi = ApiKey::list_transactions;
  static constexpr codec::Format kFormat{
      .name = "ListTransactionsRequest", .versions = {0, 2}, .flexible_since = 0};
  using Response = ListTransactionsResponse;

  std::vector<std::string> state_filters;
  std::vector<int64_t> producer_id_filters;
  // Milliseconds; -1: any.
  int64_t duration_filter = -1;
  std::optional<std::string> transactional_id_pattern;

  static void fields(auto& f) {
    f("state_filters", &ListTransactionsRequest::state_filters);
    f("producer_id_filters", &ListTransactionsRequest::producer_id_filters);
    f("duration_filter", &ListTransactionsRequest::duration_filter, since(1));
    f("transactional_id_pattern", &ListTransactionsRequest::transactional_id_pattern, since(2));
  }
  friend bool operator==(const ListTransactionsRequest&, const ListTransactionsRequest&) = default;
};

struct ListTransactionsResponse {
  static constexpr ApiKey kApi = ApiKey::list_transactions;
  static constexpr codec::Format kFormat{
      .name = "ListTransactionsResponse", .versions = {0, 2}, .flexible_since = 0};

  struct Transaction {
    std::string transactional_id;
    int64_t producer_id = 0;
    std::string transaction_state;

    static void fields(auto& f) {
      f("transactional_id", &Transaction::transactional_id);
      f("producer_id", &Transaction::producer_id);
      f("transaction_state", &Transaction::transaction_state);
    }
    friend bool operator==(const Transaction&, const Transaction&) = default;
  };

  int32_t throttle_time_ms = 0;
  ErrorCode error_code = ErrorCode::none;
  std::vector<std::string> unknown_state_filters;
  std::vector<Transaction> transaction_states;

  static void fields(auto& f) {
    f("throttle_time_ms", &ListTransactionsResponse::throttle_time_ms);
    f("error_code", &ListTransactionsResponse::error_code);
    f("unknown_state_filters", &ListTransactionsResponse::unknown_state_filters);
    f("transaction_states", &ListTransactionsResponse::transaction_states);
  }
  friend bool operator==(const ListTransactionsResponse&, const ListTransactionsResponse&) = default;
};

}  // namespace godwit::kafka
