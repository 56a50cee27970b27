// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ChannelMath} from "../src/libraries/ChannelMath.sol";

/// @dev One channel of QUIVerChannels with its amounts in words, and of its signatures only the most that was signed:
/// every order of calls and every amount.
contract ChannelCore {
    uint256 private deposit;
    uint256 private settled;
    uint256 private signedMost;
    uint256 private held;

    function open(uint96 amount) external {
        require(deposit == 0 && amount != 0);
        signedMost = 0;
        deposit = amount;
        held += amount;
    }

    function topUp(uint96 amount) external {
        require(deposit != 0 && deposit + amount <= type(uint96).max);
        deposit += amount;
        held += amount;
    }

    function sign(uint128 balance) external {
        require(balance > signedMost);
        signedMost = balance;
    }

    function redeem(uint128 balance) external {
        require(balance <= signedMost);
        uint256 amount = ChannelMath.payable_(deposit, settled, balance);
        settled += amount;
        held -= amount;
    }

    function closeByAgreement(uint128 balance) external {
        require(deposit != 0 && balance >= settled && balance <= deposit);
        uint256 amount = balance - settled;
        uint256 refund = deposit - balance;
        held -= amount;
        held -= refund;
        (deposit, settled) = (0, 0);
    }

    function finalizeClose() external {
        uint256 refund = deposit - settled;
        held -= refund;
        (deposit, settled) = (0, 0);
    }

    function check() external view {
        assert(settled <= deposit);
        assert(settled <= signedMost);
        assert(held == deposit - settled);
    }
}

/// @dev What one call computes, for all arguments.
contract ChannelCalls {
    function pay(uint256 deposit, uint256 settled, uint256 balance) external pure {
        require(settled <= deposit);
        uint256 amount = ChannelMath.payable_(deposit, settled, balance);
        assert(amount <= deposit - settled);
        assert(amount == 0 || settled + amount <= balance);
        assert(balance <= settled || settled + amount == (balance < deposit ? balance : deposit));
    }
}
